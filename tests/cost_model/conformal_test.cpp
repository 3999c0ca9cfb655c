// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/conformal.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

using namespace lathe;

TEST_CASE("the radius is the score of the conformal rank") {
    std::vector<double> scores;
    for (int i = 99; i >= 1; --i) scores.push_back(i);
    CHECK(conformal_radius(scores, 0.9) == 90.0);  // ceil(100 * 0.9)
    CHECK(conformal_radius(scores, 0.905) == 91.0);
    CHECK(scores_needed(0.9) == 9);
    CHECK(scores_needed(0.95) == 19);
    CHECK(conformal_radius(std::vector<double>(9, 1.0), 0.9));
    CHECK_FALSE(conformal_radius(std::vector<double>(8, 1.0), 0.9));
    CHECK_FALSE(conformal_radius({}, 0.5));
}

TEST_CASE("coverage is what was asked for, for skewed errors and few scores") {
    for (const std::size_t n : {9U, 19U, 50U}) {
        rng random(4, n);
        constexpr int repeats = 20'000;
        int covered = 0;
        std::vector<double> scores(n);
        const auto draw = [&] { return std::exp(2.0 * random.normal()); };
        for (int r = 0; r < repeats; ++r) {
            for (double& s : scores) s = draw();
            covered += draw() <= *conformal_radius(scores, 0.9) ? 1 : 0;
        }
        // Exactly rank / (n + 1) for continuous scores; 4 standard deviations of the count.
        const double expected = std::ceil(0.9 * double(n + 1) - 1e-9) / double(n + 1);
        const double share = double(covered) / repeats;
        CHECK(std::abs(share - expected) < 4.0 * std::sqrt(expected * (1 - expected) / repeats));
        CHECK(expected >= 0.9);
    }
}

TEST_CASE("scores that are no numbers are refused") {
    const std::vector<double> bad{1.0, std::nan("")};
    const std::vector<double> negative{1.0, -1.0};
    CHECK_THROWS_AS(conformal_radius(bad, 0.5), error);
    CHECK_THROWS_AS(conformal_radius(negative, 0.5), error);
    CHECK_THROWS_AS(conformal_radius(std::vector{1.0}, 1.0), error);
}
