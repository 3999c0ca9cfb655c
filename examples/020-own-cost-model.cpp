// SPDX-License-Identifier: Apache-2.0
// A cost model of one's own: joules per inference from multiply-accumulates and memory traffic,
// as an objective and under a limit of a search. Two functions make it a CostModel.
#include <cmath>
#include <cstdio>
#include <lathe/cost_model/analytic.hpp>
#include <lathe/evaluator/function.hpp>
#include <lathe/optimizer/nsga2.hpp>
#include <lathe/search/study.hpp>
#include <lathe/search_space/mobile_space.hpp>
#include <lathe/testing/cost_model.hpp>

using namespace lathe;

class energy_model {
public:
    using provided = metric_list<energy>;  // a goal that nothing provides does not compile

    energy_model(double per_mac, double per_byte) : per_mac_(per_mac), per_byte_(per_byte) {}

    static std::vector<metric_id> metrics() { return provided::ids(); }
    cost_table estimate(std::span<const network> nets, const deployment& target) const {
        validate(target);
        cost_table table(metrics(), nets.size());
        for (std::size_t n = 0; n < nets.size(); ++n) {
            double joules = 0.0;
            for (const node& layer : nets[n].nodes()) {
                const auto macs = node_macs(nets[n], layer).value * target.batch;
                joules += per_mac_ * static_cast<double>(macs);
                const auto bytes = node_traffic(nets[n], layer, target.batch).value;
                joules += per_byte_ * static_cast<double>(bytes);
            }
            // The two constants of a data sheet hold within a third: say so.
            table.column(0)[n] = {joules, joules / 1.3, joules * 1.3, 0.0, provenance::analytic,
                                  estimate_status::known};
        }
        return table;
    }

private:
    double per_mac_, per_byte_;  // joules
};
static_assert(CostModel<energy_model>);

int main() {
    const mobile_space space(mobile28());
    energy_model joules(4e-12, 20e-12);
    analytic_cost costs;

    const std::vector<network> nets{space.lower(space.smallest()), space.lower(space.largest())};
    for (const auto& flaw : testing::check_cost_model(joules, nets, {})) {
        std::printf("%s\n", flaw.c_str());
        return 1;
    }

    // Stands for the accuracy of a trained supernet (supernet_evaluator).
    auto judge = evaluator_of<accuracy>([](const candidate& c) {
        return 1.0 - std::exp(-static_cast<double>(total_macs(*c.net).value) / 3e6);
    });
    const auto goals = typed_goals<>()
                           .in("sensor", {.batch = 1, .threads = 1})
                           .optimize<accuracy>()
                           .optimize<energy>("sensor")
                           .limit<energy>("sensor", "<= 50uJ");
    nsga2 optimizer(domain_of(space), {.seed = 3});
    study search(space, judge, optimizer, goals, study_settings{}, costs, joules);
    search.run({.evaluations = 300});

    // Networks within 1.3 of the limit are not shown to keep it: many are tried, best first.
    const scenario_choice chosen = search.choose(joules, {.attempts = 300}).front();
    std::printf("%s\n", chosen.explanation.c_str());
    if (!chosen.chosen()) return 1;
    const double found = find_metric(chosen.member->metrics, id_of<energy>("sensor")).value;
    std::printf("front of %d networks; chosen: %s, %.1f uJ\n",
                static_cast<int>(search.ledger().front().size()),
                space.describe(chosen.member->genes).c_str(), found * 1e6);
    return found <= 50e-6 ? 0 : 1;
}
