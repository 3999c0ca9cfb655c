// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/order_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

void check_probability(const char* place, const char* name, double value) {
    if (!(value > 0.0 && value < 1.0)) {
        throw error(errc::bad_input, place, fmt::format("{} is {}", name, value),
                    "give a number between 0 and 1");
    }
}

/// The element that sorting would put at `rank` (1-based). Reorders `items`.
double at_rank(std::vector<double>& items, std::int64_t rank) {
    const auto position = items.begin() + (rank - 1);
    std::nth_element(items.begin(), position, items.end());
    return *position;
}

}  // namespace

std::vector<double> binomial_probabilities(std::int64_t n, double p) {
    check_probability("binomial_probabilities", "p", p);
    if (n < 0) {
        throw error(errc::bad_input, "binomial_probabilities", fmt::format("n is {}", n),
                    "give a number of trials of at least 0");
    }
    // Relative to the mode by the ratio of neighbours, then normalised: no factorial, no logarithm.
    std::vector<double> terms(static_cast<std::size_t>(n) + 1);
    const auto size = static_cast<double>(n);
    const auto mode = std::min(n, static_cast<std::int64_t>((size + 1.0) * p));
    const double odds = p / (1.0 - p);
    terms[static_cast<std::size_t>(mode)] = 1.0;
    for (std::int64_t k = mode; k > 0; --k) {
        const auto i = static_cast<double>(k);
        terms[static_cast<std::size_t>(k - 1)] =
            terms[static_cast<std::size_t>(k)] * (i / ((size - i + 1.0) * odds));
    }
    for (std::int64_t k = mode; k < n; ++k) {
        const auto i = static_cast<double>(k);
        terms[static_cast<std::size_t>(k + 1)] =
            terms[static_cast<std::size_t>(k)] * ((size - i) * odds / (i + 1.0));
    }
    double total = 0.0;
    for (const double t : terms) total += t;
    for (double& t : terms) t /= total;
    return terms;
}

std::optional<rank_interval> quantile_ranks(std::int64_t n, double q, double confidence) {
    check_probability("quantile_ranks", "q", q);
    check_probability("quantile_ranks", "confidence", confidence);
    if (n < 1) return std::nullopt;

    // The number of samples below the quantile is binomial. X_(l) is above the quantile when at most
    // l - 1 samples are below it, X_(u) is below the quantile when at least u are.
    const std::vector<double> below = binomial_probabilities(n, q);
    const double error_allowed = 1.0 - confidence;
    const double least_low = below.front();
    const double least_high = below.back();
    if (least_low + least_high > error_allowed) return std::nullopt;
    const double high_error =
        std::clamp(error_allowed / 2.0, least_high, error_allowed - least_low);
    const double low_error = error_allowed - high_error;

    rank_interval ranks{1, n};
    double tail = least_high;
    while (ranks.high > 1) {
        tail += below[static_cast<std::size_t>(ranks.high - 1)];
        if (tail > high_error) break;
        --ranks.high;
    }
    tail = least_low;
    while (ranks.low < n) {
        tail += below[static_cast<std::size_t>(ranks.low)];
        if (tail > low_error) break;
        ++ranks.low;
    }
    return ranks;
}

std::int64_t samples_needed(double q, double confidence) {
    check_probability("samples_needed", "q", q);
    check_probability("samples_needed", "confidence", confidence);
    // The chance that all samples lie on one side of the quantile falls with their number.
    const auto enough = [&](std::int64_t n) {
        const auto size = static_cast<double>(n);
        return std::pow(1.0 - q, size) + std::pow(q, size) <= 1.0 - confidence;
    };
    constexpr std::int64_t most = std::int64_t{1} << 53;
    std::int64_t high = 1;
    while (!enough(high)) {
        if (high == most) {
            throw error(errc::bad_input, "samples_needed",
                        fmt::format("q {} at confidence {} takes over 2^53 samples", q, confidence),
                        "give probabilities farther from 0 and 1");
        }
        high *= 2;
    }
    std::int64_t low = high / 2;  // not enough, or 0
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (enough(middle) ? high : low) = middle;
    }
    return high;
}

estimate quantile_estimate(std::span<const double> samples, double q, double confidence) {
    check_probability("quantile_estimate", "q", q);
    check_probability("quantile_estimate", "confidence", confidence);
    if (samples.empty()) return estimate::missing(estimate_status::not_measured);
    if (!std::all_of(samples.begin(), samples.end(), [](double x) { return std::isfinite(x); })) {
        return estimate::missing(estimate_status::failed);
    }
    const auto n = static_cast<std::int64_t>(samples.size());
    const auto ranks = quantile_ranks(n, q, confidence);
    if (!ranks) return estimate::missing(estimate_status::not_resolvable);

    std::vector<double> items(samples.begin(), samples.end());
    estimate e;
    const auto rank = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(n)));
    e.value = at_rank(items, std::clamp(rank, ranks->low, ranks->high));
    e.low = at_rank(items, ranks->low);
    e.high = at_rank(items, ranks->high);
    e.confidence = confidence;
    e.source = provenance::measured;
    e.status = estimate_status::known;
    return e;
}

double median(std::span<const double> samples) {
    if (samples.empty()) {
        throw error(errc::bad_input, "median", "there are no samples", "give at least one");
    }
    std::vector<double> items(samples.begin(), samples.end());
    const auto n = static_cast<std::int64_t>(items.size());
    const double upper = at_rank(items, n / 2 + 1);
    return n % 2 == 1 ? upper : 0.5 * (at_rank(items, n / 2) + upper);
}

}  // namespace lathe
