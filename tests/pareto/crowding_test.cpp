// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/crowding.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"
#include "pareto/clouds.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Neighbours by scanning, one point at a time.
std::vector<double> slow(const objective_view& points, const std::vector<std::uint32_t>& front) {
    std::vector<double> distance(front.size(), front.size() <= 2 ? inf : 0.0);
    if (front.size() <= 2) return distance;
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        const auto value = [&](std::size_t k) { return points.at(front[k], m); };
        const auto before = [&](std::size_t a, std::size_t b) {
            return value(a) < value(b) || (value(a) == value(b) && a < b);
        };
        double low = inf, high = -inf;
        for (std::size_t k = 0; k < front.size(); ++k) {
            low = std::min(low, value(k));
            high = std::max(high, value(k));
        }
        if (low == high) continue;
        for (std::size_t k = 0; k < front.size(); ++k) {
            std::size_t below = front.size(), above = front.size();
            for (std::size_t j = 0; j < front.size(); ++j) {
                if (before(j, k) && (below == front.size() || before(below, j))) below = j;
                if (before(k, j) && (above == front.size() || before(j, above))) above = j;
            }
            if (below == front.size() || above == front.size()) {
                distance[k] = inf;
            } else if (std::isfinite(high - low)) {
                distance[k] += (value(above) - value(below)) / (high - low);
            }
        }
    }
    return distance;
}

std::vector<double> fast(const objective_view& points, const std::vector<std::uint32_t>& front) {
    std::vector<double> distance(front.size());
    crowding().measure(points, front, distance);
    return distance;
}

}  // namespace

TEST_CASE("crowding agrees with scanning for neighbours") {
    rng random(5);
    for (std::size_t m = 1; m <= 4; ++m) {
        for (const shape kind : all_shapes) {
            for (const std::size_t n : {1, 2, 3, 4, 10, 57}) {
                const cloud c = make_cloud(kind, n, m, random.child("cloud", 100 * m + n));
                std::vector<std::uint32_t> front;
                for (std::uint32_t i = 0; i < n; ++i) {
                    if (!c.view().has_nan(i) && random.flip(0.9)) front.push_back(i);
                }
                random.shuffle(front);
                REQUIRE(fast(c.view(), front) == slow(c.view(), front));
            }
        }
    }
}

TEST_CASE("crowding of fronts in lexicographic order agrees with scanning too") {
    rng random(6);
    for (std::size_t m = 1; m <= 3; ++m) {
        for (const shape kind : all_shapes) {
            for (const std::size_t n : {3, 4, 10, 57, 150}) {
                const cloud c = make_cloud(kind, n, m, random.child("cloud", 100 * m + n));
                non_dominated_sorter sorter;
                std::vector<std::uint32_t> ranks(n);
                const std::uint32_t fronts = sorter.rank(c.view(), ranks);
                std::vector<std::vector<std::uint32_t>> front(fronts);
                sorter.for_each_in_order([&](std::uint32_t i) { front[ranks[i]].push_back(i); });
                for (const auto& f : front) REQUIRE(fast(c.view(), f) == slow(c.view(), f));
            }
        }
    }
}

TEST_CASE("equal points on a staircase: the first and the last of a run stand at its borders") {
    const std::vector<double> data = {0, 0, 1, 1, 1, 4, /* falling */ 8, 8, 6, 6, 6, 0};
    const auto d = fast({data, 6, 2}, {0, 1, 2, 3, 4, 5});
    CHECK(d == slow({data, 6, 2}, {0, 1, 2, 3, 4, 5}));
    CHECK(d == std::vector<double>{inf, inf, 0.25 + 0.75, 0.0, 0.75 + 0.25, inf});
}

TEST_CASE("flat objectives are skipped, and an extreme is infinite only once") {
    const std::vector<double> data = {0, 0, 1, 2, 4, 4, /* flat */ 7, 7, 7, 7, 7, 7};
    const auto d = fast({data, 6, 2}, {0, 1, 2, 3, 4, 5});
    CHECK(d == std::vector<double>{inf, 0.25, 0.5, 0.75, 0.5, inf});
    const std::vector<double> equal(6, 1.0);
    CHECK(fast({equal, 3, 2}, {0, 1, 2}) == std::vector<double>{0, 0, 0});
    CHECK(fast({equal, 3, 2}, {2}) == std::vector<double>{inf});
    CHECK(fast({equal, 3, 2}, {2, 0}) == std::vector<double>{inf, inf});
    CHECK(fast({equal, 3, 2}, {}).empty());
}

TEST_CASE("distances need one place per point") {
    const std::vector<double> data(4, 0.0);
    const std::vector<std::uint32_t> front = {0, 1};
    std::vector<double> room(1);
    CHECK_THROWS_AS(crowding().measure({data, 2, 2}, front, room), error);
}
