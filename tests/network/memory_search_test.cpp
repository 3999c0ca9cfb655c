// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/network/memory_planner.hpp"
#include "network/memory_instances.hpp"
#include "network/memory_planner_search.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

/// Few sizes, so that many sums tie; at least one byte each.
buffers tiny_instance(rng& random) {
    auto all =
        random_buffers(random, 4 + random.below(4), 3 + random.below(8), 3 + random.below(9));
    for (auto& b : all) ++b.bytes;
    return all;
}

std::int64_t largest_live(const buffers& all) {
    std::int64_t bound = 0;
    for (const auto& b : all) bound = std::max(bound, live_at(all, b.first));
    return bound;
}

/// One search over all parts, without the greedy portfolio in front.
detail::fit_result search_alone(const buffers& all, std::int64_t capacity, std::int64_t& needed,
                                std::vector<std::int64_t>& offsets) {
    detail::placement_search search(all);
    detail::node_meter meter({.nodes = 1'000'000});
    offsets.assign(all.size(), -1);
    for (const auto& part : search.parts()) {
        const auto result = search.fit(part, capacity, meter.left(), meter, offsets);
        needed = search.needed();
        if (result != detail::fit_result::fits) return result;
    }
    return detail::fit_result::fits;
}

/// An instance whose smallest arena is above the largest live sum.
buffers gap_above_live_sum() {
    rng random(31);
    while (true) {
        auto all = full_load(random, 12, 16);
        if (smallest_arena_by_trial(all) > largest_live(all)) return all;
    }
}

}  // namespace

TEST_CASE("the search alone finds the optimum and refuses every smaller capacity") {
    rng random(21);
    int above_live_sum = 0;
    for (int k = 0; k < 1500; ++k) {
        const bool full = k % 2 == 0;
        const std::uint32_t load = 10 + random.below(7);
        const auto all = full ? full_load(random, load, 16) : tiny_instance(random);
        const auto best = full ? smallest_arena_by_trial(all) : smallest_arena(all);
        const auto live = largest_live(all);
        std::int64_t needed = 0;
        memory_plan plan{{}, best, live};
        REQUIRE(search_alone(all, best, needed, plan.offsets) == detail::fit_result::fits);
        REQUIRE_NOTHROW(check_plan(all, plan));
        above_live_sum += best > live;
        for (std::int64_t capacity = live; capacity < best; ++capacity) {
            REQUIRE(search_alone(all, capacity, needed, plan.offsets) ==
                    detail::fit_result::impossible);
            REQUIRE(needed > capacity);
            REQUIRE(needed <= best);
        }
    }
    CHECK(above_live_sum >= 20);
}

TEST_CASE("minimise_memory equals the optimum of all orders and of all offsets") {
    rng random(22);
    for (int k = 0; k < 400; ++k) {
        const bool full = k % 2 == 0;
        const auto all = full ? full_load(random, 10 + random.below(7), 16)
                              : random_buffers(random, 2 + random.below(6), 8, 9);
        const auto result = minimise_memory(all, 1);
        REQUIRE_NOTHROW(check_plan(all, result.plan));
        REQUIRE(result.proof == memory_proof::optimal);
        REQUIRE(result.plan.optimal());
        REQUIRE(result.plan.gap() == 0.0);
        REQUIRE(result.plan.arena_bytes ==
                (full ? smallest_arena_by_trial(all) : smallest_arena(all)));
    }
}

TEST_CASE("fit_memory fits at the optimum and proves one byte less infeasible") {
    rng random(23);
    for (int k = 0; k < 300; ++k) {
        const auto all = full_load(random, 10 + random.below(7), 16);
        const auto best = smallest_arena_by_trial(all);
        const auto fits = fit_memory(all, best, 1);
        REQUIRE(fits.proof == memory_proof::fits);
        REQUIRE(fits.plan.arena_bytes == best);
        REQUIRE_NOTHROW(check_plan(all, fits.plan));
        const auto less = fit_memory(all, best - 1, 1);
        REQUIRE(less.proof == memory_proof::infeasible);
        REQUIRE(less.plan.lower_bound == best);
        REQUIRE_NOTHROW(check_plan(all, less.plan));
    }
}

TEST_CASE("time backwards has the same optimum") {
    rng random(24);
    for (int k = 0; k < 40; ++k) {
        const auto all = random_buffers(random, 12, 12, 40);
        auto mirrored = all;
        for (auto& b : mirrored) b = {b.bytes, -b.last, -b.first};
        const auto one = minimise_memory(all, 1);
        const auto other = minimise_memory(mirrored, 1);
        check_plan(mirrored, other.plan);
        REQUIRE(one.proof == memory_proof::optimal);
        REQUIRE(other.proof == memory_proof::optimal);
        CHECK(one.plan.arena_bytes == other.plan.arena_bytes);
    }
}

TEST_CASE("the search keeps alignment and buffers of no size") {
    rng random(25);
    for (int k = 0; k < 60; ++k) {
        const auto all = random_buffers(random, 2 + random.below(6), 8, 400);
        auto rounded = all;
        for (auto& b : rounded) b.bytes = (b.bytes + 63) / 64 * 64;
        const auto result = minimise_memory(all);
        check_plan(rounded, result.plan);
        for (const auto offset : result.plan.offsets) REQUIRE(offset % 64 == 0);
        REQUIRE(result.plan.arena_bytes == smallest_arena(rounded));
    }
    const auto empty = minimise_memory({});
    CHECK(empty.proof == memory_proof::optimal);
    CHECK(empty.plan.arena_bytes == 0);
    CHECK(fit_memory({}, 0).proof == memory_proof::fits);
    CHECK(fit_memory(buffers{{0, 0, 3}, {0, 1, 1}}, 0).proof == memory_proof::fits);
}

TEST_CASE("parts of the time that share no buffer are planned apart") {
    auto all = gap_above_live_sum();
    const auto count = all.size();
    const auto alone = smallest_arena_by_trial(all);
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back({all[i].bytes * 3, all[i].first + 1000, all[i].last + 1000});
    }
    CHECK(minimise_memory(all, 1).plan.arena_bytes == 3 * alone);
    CHECK(fit_memory(all, 3 * alone, 1).proof == memory_proof::fits);
    CHECK(fit_memory(all, 3 * alone - 1, 1).proof == memory_proof::infeasible);
}

TEST_CASE("a used up limit is reported with the best plan and bound") {
    const auto all = gap_above_live_sum();
    const auto live = largest_live(all);
    for (const std::int64_t nodes : {0, 1}) {
        const auto result = minimise_memory(all, 1, {.nodes = nodes});
        CHECK(result.proof == memory_proof::stopped);
        CHECK(result.nodes == nodes);
        CHECK(result.plan.lower_bound == live);
        CHECK(result.plan.gap() > 0.0);
        CHECK_NOTHROW(check_plan(all, result.plan));
        CHECK(fit_memory(all, live, 1, {.nodes = nodes}).proof == memory_proof::stopped);
    }
    const auto late = minimise_memory(all, 1, {.time = std::chrono::milliseconds(0)});
    CHECK(late.proof == memory_proof::stopped);
    CHECK(late.nodes == 0);
    CHECK(minimise_memory(all, 1, {.time = std::chrono::hours(1)}).proof == memory_proof::optimal);
}

TEST_CASE("more nodes never give a worse plan or bound, and the same nodes the same plan") {
    rng random(26);
    for (int k = 0; k < 5; ++k) {
        const auto all = random_buffers(random, 60, 60, 400);
        memory_plan before = minimise_memory(all, 1, {.nodes = 0}).plan;
        for (const std::int64_t nodes : {50, 500, 5000}) {
            const auto result = minimise_memory(all, 1, {.nodes = nodes});
            check_plan(all, result.plan);
            CHECK(result.nodes <= nodes);
            CHECK(result.plan.arena_bytes <= before.arena_bytes);
            CHECK(result.plan.lower_bound >= before.lower_bound);
            CHECK((result.proof == memory_proof::optimal) == result.plan.optimal());
            CHECK(minimise_memory(all, 1, {.nodes = nodes}).plan.offsets == result.plan.offsets);
            before = result.plan;
        }
    }
}

TEST_CASE("a chain deeper than the recursion allows is given up, not overrun") {
    buffers all;
    for (std::int32_t i = 0; i < 20'000; ++i) {
        all.push_back({1 + i % 7, i, i + 1 + i % 3});
    }
    detail::placement_search search(all);
    detail::node_meter meter({.nodes = 60'000});  // three times what a placement takes
    std::vector<std::int64_t> offsets(all.size(), 0);
    REQUIRE(search.parts().size() == 1);
    CHECK(search.fit(search.parts().front(), 1'000, meter.left(), meter, offsets) ==
          detail::fit_result::stopped);
}

TEST_CASE("public hard instances fit into their capacity") {
    const auto files = minimalloc_files();
    if (files.empty()) {
        WARN("skipped: the MiniMalloc instances are not there");
        return;
    }
    for (const auto& file : files) {
        const auto all = read_minimalloc(file);
        const std::int64_t capacity = std::stoll(file.stem().extension().string().substr(1));
        const auto result = fit_memory(all, capacity, 1, {.nodes = 200'000});
        INFO(file.filename().string()
             << ": " << result.plan.arena_bytes << " bytes after " << result.nodes << " nodes");
        CHECK(result.proof == memory_proof::fits);
        CHECK(result.plan.arena_bytes <= capacity);
        CHECK_NOTHROW(check_plan(all, result.plan));
    }
}

TEST_CASE("impossible limits are refused with their value") {
    const buffers all{{1, 0, 0}};
    CHECK_THROWS_WITH(minimise_memory(all, 1, {.nodes = -3}), Catch::Contains("-3 nodes"));
    CHECK_THROWS_WITH(fit_memory(all, -5), Catch::Contains("-5 bytes"));
    CHECK_THROWS_WITH(fit_memory(all, 5, 1, {.time = std::chrono::milliseconds(-7)}),
                      Catch::Contains("-7 ms"));
    CHECK_THROWS_WITH(fit_memory(buffers{{1, 5, 2}}, 5),
                      Catch::Contains("fit_memory") && Catch::Contains("buffer 0"));
}
