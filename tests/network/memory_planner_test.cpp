// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/memory_planner.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "network/memory_instances.hpp"

using namespace lathe;
using namespace lathe::test;

TEST_CASE("buffers that are never alive together share their place") {
    const buffers all{{100, 0, 1}, {100, 2, 3}, {100, 4, 4}};
    const auto plan = plan_memory(all, 1);
    CHECK(plan.arena_bytes == 100);
    CHECK(plan.optimal());
    CHECK(plan.offsets == std::vector<std::int64_t>{0, 0, 0});
}

TEST_CASE("a buffer is still alive in its last step") {
    CHECK(plan_memory(buffers{{10, 0, 1}, {20, 1, 2}}, 1).arena_bytes == 30);
    CHECK(plan_memory(buffers{{10, 0, 1}, {20, 2, 2}}, 1).arena_bytes == 20);
}

TEST_CASE("sizes and offsets keep the alignment") {
    const buffers all{{1, 0, 2}, {65, 0, 1}, {0, 0, 9}, {64, 1, 2}};
    const auto plan = plan_memory(all);
    check_plan(all, plan);
    for (const auto offset : plan.offsets) CHECK(offset % 64 == 0);
    CHECK(plan.lower_bound == 256);
    CHECK(plan.arena_bytes == 256);
}

TEST_CASE("no buffers need no arena") {
    const auto plan = plan_memory({});
    CHECK(plan.arena_bytes == 0);
    CHECK(plan.optimal());
    CHECK(plan_memory(buffers{{0, 0, 3}, {0, 1, 1}}).arena_bytes == 0);
}

TEST_CASE("on small instances the greedy plan is close to the exhaustive optimum") {
    rng random(11);
    int optimal = 0;
    constexpr int instances = 150;
    for (int k = 0; k < instances; ++k) {
        const auto all = random_buffers(random, 2 + random.below(6), 8, 9);
        const auto plan = plan_memory(all, 1);
        check_plan(all, plan);
        const auto best = smallest_arena(all);
        CHECK(plan.lower_bound <= best);
        CHECK(best <= plan.arena_bytes);
        CHECK(plan.arena_bytes * 4 <= best * 5);
        optimal += plan.arena_bytes == best;
    }
    CHECK(optimal >= instances * 95 / 100);
}

TEST_CASE("random plans are valid, bounded and repeatable") {
    rng random(12);
    for (int k = 0; k < 60; ++k) {
        const auto all = random_buffers(random, 1 + random.below(120), 50, 5000);
        const auto plan = plan_memory(all, 16);
        check_plan(all, plan);

        std::int64_t bound = 0;
        std::int64_t total = 0;
        auto rounded = all;
        for (auto& b : rounded) {
            b.bytes = (b.bytes + 15) / 16 * 16;
            total += b.bytes;
        }
        for (std::int32_t t = 0; t < 100; ++t) bound = std::max(bound, live_at(rounded, t));
        CHECK(plan.lower_bound == bound);
        CHECK(plan.arena_bytes >= bound);
        CHECK(plan.arena_bytes <= total);

        const auto again = plan_memory(all, 16);
        CHECK(again.offsets == plan.offsets);
        CHECK(again.arena_bytes == plan.arena_bytes);
    }
}

TEST_CASE("a chain of layers is planned optimally") {
    rng random(13);
    for (int k = 0; k < 50; ++k) {
        buffers all;
        for (std::int32_t t = 0; t < 40; ++t) {
            all.push_back({64 * (1 + random.below(50)), t, t + 1});
        }
        CHECK(plan_memory(all).optimal());
    }
}

TEST_CASE("hard public instances are planned within a quarter above the bound") {
    const auto files = minimalloc_files();
    if (files.empty()) {
        WARN("skipped: the MiniMalloc instances are not there");
        return;
    }
    for (const auto& file : files) {
        const auto all = read_minimalloc(file);
        const auto plan = plan_memory(all, 1);
        check_plan(all, plan);
        const double gap =
            static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.lower_bound) - 1.0;
        INFO(file.filename().string() << ": " << all.size() << " buffers, " << plan.arena_bytes
                                      << " bytes, " << 100.0 * gap << " % above the lower bound");
        CHECK(gap < 0.25);
    }
}

TEST_CASE("impossible buffers are refused with their index") {
    CHECK_THROWS_WITH(plan_memory(buffers{{1, 0, 0}, {-4, 0, 1}}),
                      Catch::Contains("buffer 1") && Catch::Contains("-4"));
    CHECK_THROWS_WITH(plan_memory(buffers{{1, 5, 2}}),
                      Catch::Contains("buffer 0") && Catch::Contains("from 5 to 2"));
    CHECK_THROWS_WITH(plan_memory(buffers{{1, 0, 0}}, 48), Catch::Contains("alignment 48"));
    CHECK_THROWS_WITH(plan_memory(buffers{{1, 0, 0}}, 0), Catch::Contains("alignment 0"));
    constexpr auto huge = std::numeric_limits<std::int64_t>::max() / 2;
    CHECK_THROWS_AS(plan_memory(buffers{{huge, 0, 0}, {huge, 0, 0}, {huge, 0, 0}}), error);
}

TEST_CASE("check_plan finds overlaps, excess and missing offsets") {
    const buffers all{{10, 0, 1}, {10, 1, 2}, {10, 2, 3}};
    memory_plan plan{{0, 10, 0}, 20, 20};
    CHECK_NOTHROW(check_plan(all, plan));
    plan.offsets[1] = 9;
    CHECK_THROWS_WITH(check_plan(all, plan), Catch::Contains("buffers 0 and 1"));
    plan.offsets[1] = 11;
    CHECK_THROWS_WITH(check_plan(all, plan), Catch::Contains("buffer 1"));
    plan.offsets[1] = -10;
    CHECK_THROWS_AS(check_plan(all, plan), error);
    plan.offsets.pop_back();
    CHECK_THROWS_WITH(check_plan(all, plan), Catch::Contains("2 offsets for 3 buffers"));
}
