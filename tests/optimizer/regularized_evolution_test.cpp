// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/regularized_evolution.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

double sum_of(const proposal& p) {
    double sum = 0.0;
    for (const auto g : p.genes.genes) sum += g;
    return sum;
}

/// Least sum of genes seen in `evaluations`.
double best_of(regularized_evolution& search, int evaluations) {
    double best = 1e9;
    for (int i = 0; i < evaluations; ++i) {
        const auto asked = search.ask(1);
        best = std::min(best, sum_of(asked.at(0)));
        search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {sum_of(asked[0])}, 0.0}});
    }
    return best;
}

}  // namespace

TEST_CASE("a separable problem of 10^10 members is solved in 600 evaluations") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        regularized_evolution search(grid(std::vector<std::size_t>(10, 10)), {.seed = seed});
        CHECK(best_of(search, 600) <= 4.0);
    }
}

TEST_CASE("parents are among the youngest: an old champion is forgotten") {
    // The champion is told first and is far better than all others; after a population of worse ones
    // it has no more children, so genes from it die out.
    regularized_evolution search(grid(std::vector<std::size_t>(12, 8), axis_kind::categorical),
                                 {.population = 5,
                                  .tournament = 2,
                                  .first = {{std::vector<std::uint16_t>(12, 7)}}});
    int like_champion = 0;
    for (int i = 0; i < 60; ++i) {
        const auto asked = search.ask(1);
        const auto sevens = std::count(asked[0].genes.genes.begin(), asked[0].genes.genes.end(), 7);
        if (i > 40 && sevens > 8) ++like_champion;
        const double value = i == 0 ? -100.0 : static_cast<double>(sevens);
        search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {value}, 0.0}});
    }
    CHECK(like_champion == 0);
}

TEST_CASE("wrong sizes of the tournament are refused") {
    const auto space = grid({4, 4});
    CHECK_THROWS_WITH(regularized_evolution(space, {.population = 4, .tournament = 5}),
                      Catch::Contains("regularized_evolution.tournament"));
    CHECK_THROWS_WITH(regularized_evolution(space, {.population = 4, .tournament = 1}),
                      Catch::Contains("from 2 to 4"));
    CHECK_THROWS_WITH(regularized_evolution(space, {.population = 1}),
                      Catch::Contains("regularized_evolution.population"));
}
