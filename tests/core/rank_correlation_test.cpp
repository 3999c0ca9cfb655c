// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/rank_correlation.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

namespace lathe {
namespace {

/// Every pair, by the definition.
double slow_tau(const std::vector<double>& x, const std::vector<double>& y) {
    double surplus = 0.0;
    double untied_x = 0.0;
    double untied_y = 0.0;
    const auto sign = [](double v) { return v > 0.0 ? 1.0 : v < 0.0 ? -1.0 : 0.0; };
    for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const double a = sign(x[i] - x[j]);
            const double b = sign(y[i] - y[j]);
            surplus += a * b;
            untied_x += a * a;
            untied_y += b * b;
        }
    }
    return surplus / std::sqrt(untied_x * untied_y);
}

TEST_CASE("tau-b and rho of known pairs") {
    const std::vector<double> up = {1, 2, 3, 4};
    const std::vector<double> down = {9, 7, 3, 1};
    CHECK(kendall_tau_b(up, up) == 1.0);
    CHECK(kendall_tau_b(up, down) == -1.0);
    CHECK(*spearman_rho(up, up) == Approx(1.0));
    CHECK(*spearman_rho(up, down) == Approx(-1.0));
    // scipy.stats.kendalltau and spearmanr of their documentation's example
    const std::vector<double> a = {12, 2, 1, 12, 2};
    const std::vector<double> b = {1, 4, 7, 1, 0};
    CHECK(*kendall_tau_b(a, b) == Approx(-0.4714045207910316));
    const std::vector<double> c = {1, 2, 3, 4, 5};
    const std::vector<double> d = {5, 6, 7, 8, 7};
    CHECK(*spearman_rho(c, d) == Approx(0.8207826816681233));
}

TEST_CASE("tau-b equals its definition on small integers with many ties") {
    rng random(5);
    for (int round = 0; round < 300; ++round) {
        const std::size_t n = 2 + random.below(30);
        const std::uint32_t values = 1 + random.below(8);
        std::vector<double> x;
        std::vector<double> y;
        for (std::size_t i = 0; i < n; ++i) {
            x.push_back(random.below(values));
            y.push_back(random.below(values));
        }
        const double slow = slow_tau(x, y);
        const auto fast = kendall_tau_b(x, y);
        REQUIRE(fast.has_value() == !std::isnan(slow));
        REQUIRE(spearman_rho(x, y).has_value() == fast.has_value());
        if (fast) REQUIRE(*fast == Approx(slow).margin(1e-12));
        if (fast) REQUIRE(*spearman_rho(x, x) == Approx(1.0));
    }
}

TEST_CASE("no order, no correlation") {
    const std::vector<double> none;
    const std::vector<double> one = {1};
    const std::vector<double> flat = {2, 2, 2};
    const std::vector<double> up = {1, 2, 3};
    CHECK_FALSE(kendall_tau_b(none, none));
    CHECK_FALSE(kendall_tau_b(one, one));
    CHECK_FALSE(spearman_rho(one, one));
    CHECK_FALSE(kendall_tau_b(flat, up));
    CHECK_FALSE(spearman_rho(up, flat));
    CHECK_THROWS_AS(kendall_tau_b(up, one), error);
    const std::vector<double> bad = {1, std::numeric_limits<double>::quiet_NaN(), 3};
    CHECK_THROWS_AS(spearman_rho(up, bad), error);
}

}  // namespace
}  // namespace lathe
