// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/program_cost.hpp"

#include <catch2/catch.hpp>

#include "cost_model/nets.hpp"
#include "lathe/core/error.hpp"
#include "lathe/cost_model/analytic.hpp"
#include "lathe/testing/cost_model.hpp"

using namespace lathe;

TEST_CASE("memory of an exact program is exact, for all streams together") {
    const auto family = nets::family(6);
    program_cost model(nets::compile);
    const deployment d{4, 1, 3};
    CHECK(testing::check_cost_model(model, family, d).empty());
    const cost_table table = model.estimate(family, d);
    for (std::size_t n = 0; n < family.size(); ++n) {
        const program p = nets::compile(family[n], d);
        const auto weights = static_cast<double>(p.weight_bytes.value);
        const auto arena = static_cast<double>(p.plan.arena_bytes);
        const auto row = [&](quantity q) { return table.column({q, statistic::value, {}})[n]; };
        CHECK(row(quantity::weight_memory).value == weights);
        CHECK(row(quantity::arena_memory).value == arena);
        CHECK(row(quantity::peak_memory).value == weights + 3.0 * arena);
        CHECK(row(quantity::peak_memory).source == provenance::exact);
    }
}

TEST_CASE("memory of a program compiled without the engine is a lower bound only") {
    program p = nets::compile(nets::plain(8), {});
    p.exact = false;
    for (const estimate& e : memory_of(p)) {
        CHECK(e.source == provenance::lower_bound);
        CHECK(e.low == e.value);
        CHECK(e.high > 1e300);
    }
}

TEST_CASE("a compiler that refuses is heard") {
    program_cost model([](const network&, const deployment&) -> program {
        throw error(errc::unsupported, "conv0", "groups is 3");
    });
    const auto family = nets::family(1);
    CHECK_THROWS_WITH(model.estimate(family, {}), Catch::Contains("conv0"));
}

TEST_CASE("the roofline takes the higher of two ceilings in each step") {
    program p;
    p.target.threads = 2;
    p.steps.resize(2);
    p.steps[0].macs = mac_count(4'000);     // 4000 / (2 * 1e9) = 2 us, against 1 us of traffic
    p.steps[0].traffic = byte_count(1'000);
    p.steps[1].macs = mac_count(10);
    p.steps[1].traffic = byte_count(3'000);  // 3 us
    CHECK(roofline_latency(p, {1e9, 1e9, 1e-6}).value == Approx(2000.0 + 3000.0 + 2 * 1000.0));
}

TEST_CASE("analytic costs: exact counts, bounded memory, a guessed latency that says so") {
    const auto family = nets::family(8);
    analytic_cost model({80e9, 20e9, 5e-7});
    const deployment d{8, 1, 2};
    CHECK(testing::check_cost_model(model, family, d).empty());
    const cost_table table = model.estimate(family, d);
    const auto latencies = table.column(id_of<latency_p50>());
    for (std::size_t n = 0; n < family.size(); ++n) {
        CHECK(table.column(id_of<macs>())[n].value == double(total_macs(family[n]).value));
        CHECK(table.column(id_of<parameters>())[n].source == provenance::exact);
        const program p = compile_lower_bound(family[n], d);
        CHECK(table.column(id_of<peak_memory>())[n].value == double(p.peak_memory().value));
        CHECK(table.column(id_of<peak_memory>())[n].source == provenance::lower_bound);
        CHECK(latencies[n].source == provenance::analytic);
        CHECK(latencies[n].confidence == 0.0);
        CHECK(latencies[n].high == Approx(100.0 * latencies[n].low));
    }
    const auto small = model.estimate(std::vector{nets::plain(4, 1)}, d);
    const auto large = model.estimate(std::vector{nets::plain(64, 4)}, d);
    CHECK(small.column(id_of<latency_p50>())[0].value < large.column(id_of<latency_p50>())[0].value);
}

TEST_CASE("ceilings that are no numbers are refused by name") {
    CHECK_THROWS_WITH(analytic_cost({0.0, 1.0, 1.0}), Catch::Contains("macs_per_second"));
    CHECK_THROWS_WITH(analytic_cost({1.0, -1.0, 1.0}), Catch::Contains("bytes_per_second"));
    fingerprint wide;
    wide.isa = "avx512";
    fingerprint narrow;
    narrow.isa = "sse";
    CHECK(guess_roofline(wide).macs_per_second > guess_roofline(narrow).macs_per_second);
}
