// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/measured_latency.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

#include "cost_model/nets.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/testing/cost_model.hpp"

using namespace lathe;

namespace {

/// A machine on which a network takes 1 ns per MAC plus exponential noise of a tenth of that.
struct simulated_timer {
    int* runs;
    std::vector<std::size_t>* sizes;
    int samples = 400;
    bool complete = true;
    bool fails = false;
    const char* cpu = "simulated";

    measurement operator()(std::span<const network> nets, const deployment& d) const {
        ++*runs;
        sizes->push_back(nets.size());
        measurement m;
        m.machine.cpu = cpu;
        m.target = d;
        m.complete = complete;
        rng random(static_cast<std::uint64_t>(*runs));
        for (const network& net : nets) {
            auto& task = m.tasks.emplace_back();
            if (fails) task.failure = "out of memory";
            auto& round = task.rounds.emplace_back();
            const double ns = truth(net);
            for (int s = 0; s < samples; ++s) {
                round.push_back(ns * (1.0 - 0.1 * std::log1p(-random.real())));
            }
        }
        judge_noise(m);
        return m;
    }
    static double truth(const network& net) { return double(total_macs(net).value); }
};

}  // namespace

TEST_CASE("networks are measured together, once, and found again by structure") {
    int runs = 0;
    std::vector<std::size_t> sizes;
    measured_latency model(simulated_timer{&runs, &sizes});
    auto family = nets::family(5);
    family.push_back(nets::plain(4, 1));  // the structure of the first one
    const cost_table table = model.estimate(family, {});
    CHECK(runs == 1);
    CHECK(sizes == std::vector<std::size_t>{5});
    const auto p50 = table.column(id_of<latency_p50>());
    const auto p99 = table.column(id_of<latency_p99>());
    for (std::size_t n = 0; n < family.size(); ++n) {
        const double ns = simulated_timer::truth(family[n]);
        CHECK(p50[n].value == Approx(ns * (1.0 + 0.1 * std::log(2.0))).epsilon(0.02));
        CHECK(p99[n].low < ns * (1.0 + 0.1 * std::log(100.0)));
        CHECK(p99[n].high > ns * (1.0 + 0.1 * std::log(50.0)));
        CHECK(p99[n].source == provenance::measured);
        CHECK(p99[n].confidence == 0.95);
    }
    CHECK(p50[5].value == p50[0].value);

    CHECK(testing::check_cost_model(model, family, {}).empty());
    CHECK(runs == 1);
    (void)model.estimate(family, {1, 1, 2});
    CHECK(runs == 2);
    family.push_back(nets::plain(100, 1));
    (void)model.estimate(family, {});
    CHECK(sizes.back() == 1);
}

TEST_CASE("a fresh measurement is made at every call, of all networks together") {
    int runs = 0;
    std::vector<std::size_t> sizes;
    fresh_latency model(simulated_timer{&runs, &sizes});
    const auto family = nets::family(3);
    const double before = model.estimate(family, {}).column(0)[1].value;
    CHECK(sizes.back() == 3);
    CHECK(model.estimate(family, {}).column(0)[1].value != before);
    CHECK(runs == 2);
    CHECK(sizes.back() == 3);
    CHECK(testing::check_cost_model(model, family, {}).empty());
}

TEST_CASE("an unfinished measurement is used but not remembered") {
    int runs = 0;
    std::vector<std::size_t> sizes;
    measured_latency model(simulated_timer{&runs, &sizes, 100, false});
    const auto family = nets::family(2);
    const cost_table table = model.estimate(family, {});
    CHECK(table.column(id_of<latency_p50>())[0].known());
    CHECK(table.column(id_of<latency_p99>())[0].status == estimate_status::not_resolvable);
    (void)model.estimate(family, {});
    CHECK(runs == 2);
}

TEST_CASE("networks that cannot be timed are failed, not missing and not asked again") {
    int runs = 0;
    std::vector<std::size_t> sizes;
    measured_latency model(simulated_timer{&runs, &sizes, 400, true, true});
    const auto family = nets::family(2);
    CHECK(model.estimate(family, {}).column(1)[1].status == estimate_status::failed);
    CHECK(testing::check_cost_model(model, family, {}).empty());
    CHECK(runs == 1);
}

TEST_CASE("numbers of another machine are not mixed in") {
    latency_cache cache;
    int runs = 0;
    std::vector<std::size_t> sizes;
    simulated_timer timer{&runs, &sizes};
    const auto family = nets::family(2);
    const auto first = std::span(family).first(1);
    const auto second = std::span(family).subspan(1);
    cache.insert(first, {}, timer(first, {}));
    CHECK(cache.find(family[0].structure_hash(), {}) != nullptr);
    CHECK(cache.find(family[0].structure_hash(), {2, 1, 1}) == nullptr);
    timer.cpu = "another";
    cache.insert(second, {}, timer(second, {}));
    CHECK(cache.find(family[0].structure_hash(), {}) == nullptr);
    CHECK(cache.find(family[1].structure_hash(), {}) != nullptr);
    CHECK(cache.size() == 2);
}

TEST_CASE("a timer that forgets a network is told") {
    measured_latency model([](std::span<const network>, const deployment&) { return measurement{}; });
    const auto family = nets::family(2);
    CHECK_THROWS_WITH(model.estimate(family, {}), Catch::Contains("0 tasks for 2 networks"));
}
