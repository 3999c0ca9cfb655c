// SPDX-License-Identifier: Apache-2.0
// Quantiles with intervals that assume nothing about the distribution, only independent samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/core/estimate.hpp"

namespace lathe {

/// P(X = k) for k = 0..n, X binomial: n trials with success probability p. Sums of terms of one sign,
/// relative error about n * 1e-16. O(n). Throws bad_input unless n >= 0 and 0 < p < 1.
[[nodiscard]] std::vector<double> binomial_probabilities(std::int64_t n, double p);

/// 1-based ranks of the sorted samples that enclose a quantile: low < high.
struct rank_interval {
    std::int64_t low = 0;
    std::int64_t high = 0;
};

/// Ranks l, u of n samples with P(X_(l) <= quantile <= X_(u)) >= confidence, from exact binomial
/// tails. Each side gets half of the error; where there are too few samples for one side's half, that
/// side takes the extreme sample and the error it needs and the other side gets the rest. Nothing
/// where even the extremes do not reach the confidence: below 299 samples for P99 at 95 %. O(n).
/// Throws bad_input unless 0 < q < 1 and 0 < confidence < 1.
[[nodiscard]] std::optional<rank_interval> quantile_ranks(std::int64_t n, double q,
                                                          double confidence);

/// Smallest number of samples for which quantile_ranks has an answer: 299 for 0.99 at 0.95. Throws
/// bad_input as quantile_ranks does, and where more than 2^53 are needed.
[[nodiscard]] std::int64_t samples_needed(double q, double confidence);

/// The q-quantile of the samples: value is the sample of rank ceil(q n), low and high are order
/// statistics. Every sample counts. Status is not_measured without samples, failed with a non-finite
/// one, not_resolvable with too few; provenance is measured. O(n).
[[nodiscard]] estimate quantile_estimate(std::span<const double> samples, double q,
                                         double confidence = 0.95);

/// The middle sample, or the mean of the two middle ones. Throws bad_input without samples. O(n).
[[nodiscard]] double median(std::span<const double> samples);

}  // namespace lathe
