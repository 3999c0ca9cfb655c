// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/local_search.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <vector>

#include "lathe/core/error.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

TEST_CASE("a separable problem is descended to its optimum, then the search starts anew") {
    local_search search(grid(std::vector<std::size_t>(8, 6)), {.seed = 2, .starts = 1});
    double best = 1e9;
    for (int i = 0; i < 900; ++i) {
        const auto asked = search.ask(1);
        double sum = 0.0;
        for (const auto g : asked.at(0).genes.genes) sum += g;
        best = std::min(best, sum);
        search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {sum}, 0.0}});
    }
    CHECK(best == 0.0);
    CHECK(search.descents() > 1);
}

TEST_CASE("a proposal is a neighbour of the best so far") {
    local_search search(grid({9, 9}), {.starts = 1, .first = {{{4, 4}}}});
    const auto first = search.ask(2);  // the warm start and one random start
    std::vector<outcome> told = {{first[0].id, outcome_status::ok, {0.0}, 0.0},
                                 {first[1].id, outcome_status::ok, {5.0}, 0.0}};
    search.tell(told);
    for (const auto& p : search.ask(4)) {
        const int steps = std::abs(p.genes.genes[0] - 4) + std::abs(p.genes.genes[1] - 4);
        CHECK(steps == 1);
    }
    CHECK_THROWS_WITH(local_search(grid({3}), {.starts = 0}), Catch::Contains("local_search.starts"));
}
