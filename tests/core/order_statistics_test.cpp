// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/order_statistics.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

using namespace lathe;

namespace {

/// Pascal's rule on probabilities: O(n^2), no cancellation.
std::vector<double> binomial_by_trials(int n, double p) {
    std::vector<double> now{1.0};
    for (int trial = 0; trial < n; ++trial) {
        std::vector<double> next(now.size() + 1, 0.0);
        for (std::size_t k = 0; k < now.size(); ++k) {
            next[k] += now[k] * (1.0 - p);
            next[k + 1] += now[k] * p;
        }
        now = std::move(next);
    }
    return now;
}

/// A latency as virtual machines show them: a narrow body, and a rare long tail.
double skewed(rng& random) {
    const double body = std::exp(0.05 * random.normal());
    return random.flip(0.03) ? body - 2.0 * std::log1p(-random.real()) : body;
}

double exponential(rng& random) { return -std::log1p(-random.real()); }

template <class Draw>
double coverage(Draw draw, std::size_t n, double q, double truth, int repeats) {
    rng random(11, n);
    int covered = 0;
    for (int r = 0; r < repeats; ++r) {
        std::vector<double> samples(n);
        for (double& s : samples) s = draw(random);
        const estimate e = quantile_estimate(samples, q);
        REQUIRE(e.known());
        covered += e.low <= truth && truth <= e.high ? 1 : 0;
    }
    return static_cast<double>(covered) / repeats;
}

}  // namespace

TEST_CASE("binomial probabilities equal those counted trial by trial") {
    for (const int n : {0, 1, 2, 7, 60, 300}) {
        for (const double p : {0.01, 0.5, 0.9, 0.99}) {
            const auto fast = binomial_probabilities(n, p);
            const auto slow = binomial_by_trials(n, p);
            REQUIRE(fast.size() == slow.size());
            for (std::size_t k = 0; k < fast.size(); ++k) {
                CHECK(fast[k] == Approx(slow[k]).epsilon(1e-11).margin(1e-300));
            }
        }
    }
    CHECK_THROWS_AS(binomial_probabilities(-1, 0.5), error);
    CHECK_THROWS_AS(binomial_probabilities(5, 1.0), error);
}

TEST_CASE("a million trials neither overflow nor lose the total") {
    const auto p = binomial_probabilities(1'000'000, 0.99);
    CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1.0).epsilon(1e-9));
    CHECK(p[990'000] == Approx(1.0 / std::sqrt(2.0 * 3.14159265358979 * 9900.0)).epsilon(1e-4));
}

TEST_CASE("ranks of P99 are the known ones") {
    struct known {
        std::int64_t n, low, high;
    };
    for (const auto& k : {known{368, 360, 368}, known{1000, 983, 997}, known{2000, 1971, 1989},
                          known{5000, 4936, 4964}, known{10000, 9880, 9920}}) {
        const auto ranks = quantile_ranks(k.n, 0.99, 0.95);
        REQUIRE(ranks);
        CHECK(ranks->low == k.low);
        CHECK(ranks->high == k.high);
    }
}

TEST_CASE("P99 is resolvable from 299 samples on, at 95 %") {
    CHECK_FALSE(quantile_ranks(298, 0.99, 0.95));
    const auto ranks = quantile_ranks(299, 0.99, 0.95);
    REQUIRE(ranks);
    CHECK(ranks->high == 299);
    CHECK(samples_needed(0.99, 0.95) == 299);
    CHECK(samples_needed(0.9, 0.95) == 29);
    CHECK(samples_needed(0.5, 0.95) == 6);
    for (const double q : {0.05, 0.5, 0.75, 0.9, 0.99}) {
        for (const double confidence : {0.5, 0.9, 0.95, 0.99}) {
            const auto n = samples_needed(q, confidence);
            CHECK(quantile_ranks(n, q, confidence));
            CHECK_FALSE(quantile_ranks(n - 1, q, confidence));
        }
    }
    CHECK(samples_needed(1e-12, 0.95) > 2'000'000'000'000);
    CHECK_THROWS_WITH(samples_needed(1e-17, 0.95), Catch::Contains("2^53"));
}

TEST_CASE("the ranks reach the confidence by a direct sum of binomial terms, and barely") {
    for (const double q : {0.5, 0.9, 0.99}) {
        for (std::int64_t n = samples_needed(q, 0.95); n < 700; n += 13) {
            const auto ranks = quantile_ranks(n, q, 0.95);
            REQUIRE(ranks);
            CHECK(ranks->low < ranks->high);
            const auto p = binomial_by_trials(static_cast<int>(n), q);
            const auto between = [&](std::int64_t low, std::int64_t high) {
                return std::accumulate(p.begin() + low, p.begin() + high, 0.0);
            };
            CHECK(between(ranks->low, ranks->high) >= 0.95);
            CHECK(between(ranks->low + 1, ranks->high - 1) < 0.95);
        }
    }
}

TEST_CASE("intervals cover the quantile of skewed distributions at least as often as stated") {
    constexpr int repeats = 3000;
    // Binomial noise of the coverage itself: 4 standard deviations of 0.4 %.
    constexpr double slack = 0.016;
    for (const double q : {0.5, 0.9, 0.99}) {
        const double truth = -std::log1p(-q);
        CHECK(coverage(exponential, 299, q, truth, repeats) > 0.95 - slack);
        CHECK(coverage(exponential, 400, q, truth, repeats) > 0.95 - slack);
    }
    rng random(5);
    std::vector<double> many(400'000);
    for (double& x : many) x = skewed(random);
    std::sort(many.begin(), many.end());
    for (const double q : {0.5, 0.9, 0.99}) {
        const double truth = many[static_cast<std::size_t>(q * static_cast<double>(many.size()))];
        const double share = coverage(skewed, 500, q, truth, repeats);
        CHECK(share > 0.95 - slack);
        CHECK(share < 0.995);
    }
}

TEST_CASE("coverage holds for values that repeat") {
    // Whole microseconds: P(X <= 2) = 0.9 exactly, so 2 is a 0.9-quantile.
    const auto coarse = [](rng& random) { return std::floor(exponential(random) / std::log(10.0) * 3); };
    CHECK(coverage(coarse, 100, 0.9, 2.0, 1000) > 0.95 - 0.03);
}

TEST_CASE("the slowest sample is never dropped") {
    std::vector<double> samples(400, 1.0);
    std::fill(samples.begin(), samples.begin() + 10, 50.0);
    const estimate e = quantile_estimate(samples, 0.99);
    CHECK(e.value == 50.0);
    CHECK(e.high == 50.0);
    CHECK(e.source == provenance::measured);
    CHECK(e.confidence == 0.95);
}

TEST_CASE("an order statistic does not depend on the order of the samples") {
    rng random(3);
    std::vector<double> samples(500);
    for (double& s : samples) s = skewed(random);
    const estimate first = quantile_estimate(samples, 0.9);
    random.shuffle(samples);
    const estimate second = quantile_estimate(samples, 0.9);
    std::sort(samples.begin(), samples.end());
    CHECK(first.value == samples[449]);
    CHECK(second.value == first.value);
    CHECK(second.low == first.low);
    CHECK(second.high == first.high);
}

TEST_CASE("too few or unusable samples give a status, never a number") {
    const std::vector<double> few(298, 1.0);
    CHECK(quantile_estimate(few, 0.99).status == estimate_status::not_resolvable);
    CHECK(std::isnan(quantile_estimate(few, 0.99).value));
    CHECK(quantile_estimate(few, 0.5).known());
    CHECK(quantile_estimate({}, 0.5).status == estimate_status::not_measured);
    std::vector<double> broken(400, 1.0);
    broken[7] = std::numeric_limits<double>::quiet_NaN();
    CHECK(quantile_estimate(broken, 0.5).status == estimate_status::failed);
    CHECK_THROWS_AS(quantile_estimate(few, 1.0), error);
    CHECK_THROWS_AS(quantile_estimate(few, std::nan("")), error);
    CHECK_THROWS_AS(quantile_estimate(few, 0.5, 1.0), error);
}

TEST_CASE("median") {
    const std::vector<double> odd{5, 1, 3};
    const std::vector<double> even{4, 1, 3, 2};
    CHECK(median(odd) == 3.0);
    CHECK(median(even) == 2.5);
    CHECK_THROWS_AS(median({}), error);
}
