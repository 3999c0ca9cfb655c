// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/scalarized.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

static_assert(Optimizer<scalarized<regularized_evolution>>);
static_assert(ReceivingOptimizer<scalarized<regularized_evolution>>);
static_assert(!LevelledOptimizer<scalarized<regularized_evolution>>);

TEST_CASE("the reward is quality * (cost / limit)^w") {
    const reward_policy hard{100.0, 0.0, -1.0};
    CHECK(minus_reward(0.75, 50.0, hard) == -0.75);
    CHECK(minus_reward(0.75, 100.0, hard) == -0.75);
    CHECK(minus_reward(0.75, 200.0, hard) == -0.375);
    const reward_policy soft{80.0, -0.07, -0.07};
    CHECK(minus_reward(0.8, 160.0, soft) == Approx(-0.8 * std::pow(2.0, -0.07)).epsilon(1e-11));
    CHECK(minus_reward(0.8, 40.0, soft) < -0.8);
    CHECK(std::isnan(minus_reward(std::nan(""), 1.0, hard)));
    CHECK(std::isnan(minus_reward(1.0, -1.0, hard)));
    CHECK(minus_reward(0.0, 1.0, hard) == 0.0);
    CHECK(std::isnan(minus_reward(0.8, 0.0, soft)));  // it would be best for ever
}

TEST_CASE("an optimizer with a scalarised reward conforms and keeps to the limit") {
    const auto space = grid(std::vector<std::size_t>(6, 8));
    const auto make = [&] {
        return scalarized(regularized_evolution(space, {.population = 20, .tournament = 5}),
                          reward_policy{10.0, 0.0, -4.0});
    };
    CHECK(testing::optimizer_check(space, make, {}, 20).run().empty());
    auto search = make();
    double quality = 0.0, cost = 0.0, most = 0.0;
    for (int i = 0; i < 400; ++i) {  // quality grows with every gene, and so does the cost
        const auto p = search.ask(1).at(0);
        double sum = 0.0;
        for (const auto g : p.genes.genes) sum += g;
        const double reward = -minus_reward(sum, sum, {10.0, 0.0, -4.0});
        if (reward > most) {
            most = reward;
            quality = cost = sum;
        }
        search.tell(std::vector<outcome>{{p.id, outcome_status::ok, {-sum, sum}, 0.0}});
    }
    CHECK(quality == 10.0);
    CHECK(cost == 10.0);
}

TEST_CASE("wrong policies and outcomes are refused") {
    const auto space = grid({4, 4});
    CHECK_THROWS_AS(scalarized(regularized_evolution(space), reward_policy{0.0, 0.0, -1.0}), error);
    scalarized search(regularized_evolution(space), reward_policy{});
    const auto asked = search.ask(1);
    CHECK_THROWS_WITH(
        search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {1.0}, 0.0}}),
        Catch::Contains("has 1 objectives"));
}

TEST_CASE("immigrants count with their reward") {
    const auto space = grid(std::vector<std::size_t>(6, 8));
    scalarized search(regularized_evolution(space, {.population = 2, .tournament = 2}),
                      reward_policy{10.0, 0.0, -4.0});
    const genotype worthy{{2, 2, 2, 2, 1, 1}};  // quality and cost 10
    search.receive(std::vector<immigrant>{{worthy, {-10.0, 10.0}, 0.0},
                                          {{{7, 7, 7, 7, 7, 7}}, {-42.0, 42.0}, 0.0}});
    int apart = 0;  // a child of the better parent is like it
    const auto child = search.ask(1).at(0).genes;
    for (std::size_t i = 0; i < 6; ++i) apart += child.genes[i] != worthy.genes[i];
    CHECK(apart >= 1);
    CHECK(apart <= 3);
    CHECK_THROWS_WITH(search.receive(std::vector<immigrant>{{worthy, {1.0}, 0.0}}),
                      Catch::Contains("immigrant"));
}
