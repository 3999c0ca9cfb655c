// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/admission.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <vector>

#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

static_assert(ReceivingOptimizer<screened<nsga2>>);
static_assert(LevelledOptimizer<screened<hierarchical_search<nsga2>>>);
static_assert(!LevelledOptimizer<screened<nsga2>>);

namespace {

double sum_of(const genotype& g) {
    double sum = 0.0;
    for (const auto gene : g.genes) sum += gene;
    return sum;
}

/// Feasible: the genes add up to at most `most`.
exact_violation at_most(double most) {
    return [most](const genotype& g) { return std::max(0.0, sum_of(g) - most) / most; };
}

}  // namespace

TEST_CASE("screening asks on until enough candidates keep the exact limits") {
    const auto space = grid(std::vector<std::size_t>(6, 6));
    const auto make = [&] {
        return screened(nsga2(space, {.seed = 2, .population = 10}), at_most(8.0));
    };
    auto search = make();
    for (int step = 0; step < 20; ++step) {
        std::vector<outcome> told;
        const auto asked = search.ask(10);
        CHECK(asked.size() == 10);
        for (const auto& p : asked) {
            CHECK(sum_of(p.genes) <= 8.0);
            told.push_back({p.id, outcome_status::ok, {-sum_of(p.genes)}, 0.0});
        }
        search.tell(told);
    }
    CHECK(search.inner().counts().told > 200);
    CHECK(testing::optimizer_check(space, make, {}, 15).run().empty());
}

TEST_CASE("screening gives up by name, and a small space is searched to its end") {
    const auto space = grid({6, 6, 6});
    const exact_violation never = [](const genotype& g) { return 1.0 + sum_of(g); };
    screened hopeless(random_search(space), never, 50);
    try {
        (void)hopeless.ask(1);
        FAIL("an infeasible candidate passed");
    } catch (const error& e) {
        CHECK(e.code() == errc::infeasible);
        CHECK_THAT(e.what(), Catch::Contains("none of 50 proposals"));
    }
    screened search(random_search(space), at_most(1.0));
    CHECK(search.ask(100).size() == 4);  // 000 and three with a single 1
    CHECK_THROWS_AS(screened(random_search(space), at_most(1.0), 0), error);
}

TEST_CASE("repair moves every proposal into the feasible region, each member once") {
    const auto space = with_repair(depth_space(4, 3), at_most(3.0));
    for (const auto& p : nsga2(space, {.population = 4}).ask(10)) CHECK(sum_of(p.genes) <= 3.0);
    random_search search(space);
    const auto all = search.ask(1000);
    std::size_t expected = 0;  // by brute force over the depth space
    random_search every(depth_space(4, 3));
    for (const auto& p : every.ask(1000)) expected += sum_of(p.genes) <= 3.0 ? 1U : 0U;
    CHECK(all.size() == expected);
    const auto make = [&] { return nsga2(space, {.seed = 2, .population = 10}); };
    CHECK(testing::optimizer_check(space, make).run().empty());
    CHECK_THROWS_AS(with_repair(table_space(), at_most(1.0)), error);
}
