// SPDX-License-Identifier: Apache-2.0
// How near a front comes to a reference front. Smaller is better.
#pragma once

#include "lathe/pareto/dominance.hpp"

namespace lathe {

/// All of these take N points against R reference points in O(N R M), skip points with a NaN, give
/// +infinity for an empty front, and throw bad_input for an empty reference front or one with another
/// number of objectives or a number that is not finite.

/// Mean Euclidean distance from each reference point to its nearest point of the front.
[[nodiscard]] double igd(const objective_view& front, const objective_view& reference);

/// The same, counting only by how much the front is worse: weakly Pareto-compliant (Ishibuchi et al.
/// 2015).
[[nodiscard]] double igd_plus(const objective_view& front, const objective_view& reference);

/// The least number that, added to every reference point, makes each one weakly dominated by the front.
[[nodiscard]] double additive_epsilon(const objective_view& front, const objective_view& reference);

/// The least factor instead of the least summand (Zitzler et al. 2003). Throws bad_input unless all
/// numbers are above 0.
[[nodiscard]] double multiplicative_epsilon(const objective_view& front,
                                            const objective_view& reference);

}  // namespace lathe
