// SPDX-License-Identifier: Apache-2.0
// Whether two ways of judging the same things put them in the same order.
#pragma once

#include <optional>
#include <span>

namespace lathe {

/// Kendall's tau-b: 1 for the same order, -1 for the reverse one, ties allowed on both sides. Nothing
/// for fewer than two pairs, or where one side is constant. O(n log n) (Knight 1966). Throws bad_input
/// for different lengths, numeric for a number that is not finite.
[[nodiscard]] std::optional<double> kendall_tau_b(std::span<const double> x,
                                                  std::span<const double> y);

/// Spearman's rho: Pearson's correlation of the ranks, equal values sharing their mean rank. The same
/// rules. O(n log n).
[[nodiscard]] std::optional<double> spearman_rho(std::span<const double> x,
                                                 std::span<const double> y);

}  // namespace lathe
