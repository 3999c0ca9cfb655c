// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/non_dominated_sort.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "lathe/core/error.hpp"
#include "pareto/clouds.hpp"

using namespace lathe;
using namespace lathe::test;
using ranks = std::vector<std::uint32_t>;

namespace {

/// By definition alone: peel off what nothing left dominates.
ranks peel(const objective_view& points) {
    ranks result(points.points(), unranked);
    for (std::uint32_t front = 0;; ++front) {
        ranks members;
        for (std::uint32_t i = 0; i < points.points(); ++i) {
            if (result[i] != unranked || points.has_nan(i)) continue;
            bool beaten = false;
            for (std::uint32_t j = 0; j < points.points() && !beaten; ++j) {
                beaten = result[j] == unranked && compare(points, j, i) == relation::dominates;
            }
            if (!beaten) members.push_back(i);
        }
        if (members.empty()) return result;
        for (const auto i : members) result[i] = front;
    }
}

ranks cut(ranks all, std::size_t enough) {
    std::uint32_t fronts = 0;
    std::size_t held = 0;
    while (held < std::max<std::size_t>(enough, 1)) {
        const auto more = std::count(all.begin(), all.end(), fronts);
        if (more == 0) break;
        held += static_cast<std::size_t>(more);
        ++fronts;
    }
    for (auto& r : all) {
        if (r >= fronts) r = unranked;
    }
    return all;
}

ranks ranked(sort_method method, const objective_view& points,
             std::size_t enough = std::numeric_limits<std::size_t>::max()) {
    ranks r(points.points());
    non_dominated_sorter(method).rank(points, r, enough);
    return r;
}

std::vector<sort_method> methods_for(std::size_t m) {
    std::vector<sort_method> methods = {sort_method::automatic, sort_method::reference,
                                        sort_method::bitset};
    if (m <= 3) methods.push_back(sort_method::sweep3);
    if (m <= 2) methods.push_back(sort_method::sweep2);
    return methods;
}

}  // namespace

TEST_CASE("every sort agrees with peeling by definition, whole and cut short") {
    rng random(42);
    for (std::size_t m = 1; m <= 5; ++m) {
        for (const shape kind : all_shapes) {
            for (const std::size_t n : {0, 1, 2, 3, 7, 20, 21, 63, 64, 65, 130}) {
                const cloud c = make_cloud(kind, n, m, random.child("cloud", m * 1000 + n));
                const ranks expected = peel(c.view());
                const std::size_t enough = 1 + random.below(static_cast<std::uint32_t>(n + 1));
                for (const sort_method method : methods_for(m)) {
                    INFO("M " << m << " N " << n << " shape " << int(kind) << " method "
                              << int(method) << " enough " << enough);
                    REQUIRE(ranked(method, c.view()) == expected);
                    REQUIRE(ranked(method, c.view(), enough) == cut(expected, enough));
                }
            }
        }
    }
}

TEST_CASE("the sorts agree with Deb's on larger clouds, with buffers used again") {
    rng random(43);
    std::vector<non_dominated_sorter> sorters;
    for (const auto method : methods_for(3)) sorters.emplace_back(method);
    non_dominated_sorter sweep2(sort_method::sweep2);
    for (const std::size_t n : {700, 300, 1500}) {
        for (const shape kind : all_shapes) {
            for (const std::size_t m : {2, 3}) {
                const cloud c = make_cloud(kind, n, m, random.child("large", n + m));
                const ranks expected = ranked(sort_method::reference, c.view());
                ranks got(n);
                for (auto& sorter : sorters) {
                    sorter.rank(c.view(), got);
                    REQUIRE(got == expected);
                }
                if (m == 2) {
                    sweep2.rank(c.view(), got, n / 2);
                    REQUIRE(got == cut(expected, n / 2));
                }
            }
        }
    }
}

TEST_CASE("bit sets are made in blocks when they would not fit") {
    const cloud c = make_cloud(shape::random, 12000, 4, rng(44));
    ranks some(c.points), all(c.points);
    const auto fronts = non_dominated_sorter(sort_method::bitset).rank(c.view(), all);
    CHECK(fronts == 1 + *std::max_element(all.begin(), all.end()));
    rng random(45);
    for (int i = 0; i < 200000; ++i) {  // ranks rise along dominance
        const auto a = random.below(12000);
        const auto b = random.below(12000);
        if (compare(c.view(), a, b) == relation::dominates) REQUIRE(all[a] < all[b]);
    }
    // and no rank is higher than its dominators justify
    for (int i = 0; i < 50; ++i) {
        const auto p = random.below(12000);
        std::uint32_t best = 0;
        for (std::uint32_t q = 0; q < 12000; ++q) {
            if (compare(c.view(), q, p) == relation::dominates) best = std::max(best, all[q] + 1);
        }
        REQUIRE(all[p] == best);
    }
}

TEST_CASE("the published examples") {
    SECTION("eleven points in two dimensions (pagmo)") {
        const std::vector<double> data = {0, 1, 2, 4, 7, 10, 2, 4, 10, 6, 9,  //
                                          7, 5, 3, 2, 1, 0,  6, 4, 2,  6, 5};
        const objective_view points(data, 11, 2);
        const std::vector<ranks> fronts = {{0, 1, 2, 3, 4, 5}, {6, 7, 8}, {9, 10}};
        for (const auto method : methods_for(2)) CHECK(fronts_of(ranked(method, points)) == fronts);
    }
    SECTION("equal vectors share a rank") {
        const std::vector<double> data = {1, 1, 2, 2, 1, 1, 2, 2};
        CHECK(ranked(sort_method::automatic, {data, 4, 2}) == ranks{0, 0, 1, 1});
    }
}

TEST_CASE("NaN is never ranked and beats nothing") {
    const double no_number = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> data = {no_number, 0, 1, 0, no_number, 1};
    for (const auto method : methods_for(2)) {
        CHECK(ranked(method, {data, 3, 2}) == ranks{unranked, unranked, 0});
    }
}

TEST_CASE("wrong calls are refused with the numbers") {
    const std::vector<double> data(8, 0.0);
    ranks r(2);
    non_dominated_sorter sorter;
    CHECK_THROWS_WITH(sorter.rank({data, 4, 2}, r), Catch::Contains("2 ranks of 4 points"));
    CHECK_THROWS_AS(sorter.rank({{}, 2, 0}, r), error);
    CHECK_THROWS_AS(non_dominated_sorter(sort_method::sweep2).rank({data, 2, 4}, r), error);
    CHECK_THROWS_AS(objective_view(data, 3, 3), error);
}
