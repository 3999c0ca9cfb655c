// SPDX-License-Identifier: Apache-2.0
// Intervals for predictions that hold whatever the predictor is worth.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace lathe {

/// Split conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018). `scores` are the errors
/// |y - prediction|, on any scale, of n cases that the predictor was not fitted to. A new case,
/// exchangeable with them, has an error of at most the returned radius with probability >= confidence:
/// the score of rank ceil((n + 1) * confidence). Nothing where that rank is above n. O(n).
/// Throws bad_input for a confidence outside (0, 1) and numeric for a score that is negative or not
/// finite.
[[nodiscard]] std::optional<double> conformal_radius(std::span<const double> scores,
                                                     double confidence);

/// Fewest scores with an answer: 9 at 0.9.
[[nodiscard]] std::size_t scores_needed(double confidence);

}  // namespace lathe
