// SPDX-License-Identifier: Apache-2.0
// run() adds nothing to the optimizer's own loop of ask and tell.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lathe/search/study.hpp"
#include "search/strategies.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

constexpr std::size_t budget = 28;
constexpr std::size_t batch = 5;

double parameters_of(const genotype& g) {
    const double w = g.genes.at(0) + 1.0;
    const double d = g.genes.at(1) + 1.0;
    return 16.0 * w * d + 2.0 * d;
}

/// What the study's goals below mean, written down a second time.
outcome judge_by_hand(const proposal& p) {
    const double latency = 10.0 * parameters_of(p.genes) * 2.0;
    const double limit = 4000.0;
    outcome o{p.id, outcome_status::ok, {}, 0.0};
    o.violation = std::max(0.0, (latency - limit) / limit);
    if (o.violation == 0.0) o.objectives = {-toy::quality(p.genes), latency};
    return o;
}

TEST_CASE("a hand-written loop and run() give the same search, for every strategy") {
    const toy::space space;
    toy::for_each_strategy([&](const char* name, auto make) {
        INFO(name);
        auto by_hand = make(domain_of(space));
        std::vector<genotype> seen;
        while (seen.size() < budget) {
            std::vector<outcome> told;
            const auto asked = by_hand.ask(batch);
            const std::size_t room = std::min(asked.size(), budget - seen.size());
            for (std::size_t i = 0; i < room; ++i) {
                seen.push_back(asked[i].genes);
                told.push_back(judge_by_hand(asked[i]));
            }
            if (room == batch) by_hand.tell(told);  // a study tells whole batches
        }

        auto by_run = make(domain_of(space));
        toy::size_model size;
        toy::latency_model latency;
        auto judge = toy::evaluator();
        study s(space, judge, by_run, toy::edge_goals("<= 4us", "<= 100000"),
                {.batch = batch, .reference = {}}, size, latency);
        CHECK(s.run({.evaluations = budget}) == stop_reason::evaluations);
        REQUIRE(s.ledger().trials().size() == budget);
        for (std::size_t i = 0; i < budget; ++i) CHECK(s.ledger().trials()[i].genes == seen[i]);
        CHECK(by_run.state() == by_hand.state());
    });
}

}  // namespace
}  // namespace lathe
