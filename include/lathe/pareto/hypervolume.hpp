// SPDX-License-Identifier: Apache-2.0
// The volume that a set of points dominates, up to a reference point.
#pragma once

#include <span>
#include <vector>

#include "lathe/pareto/dominance.hpp"

namespace lathe {

/// Exact. Points that are not below the reference in every objective, or hold a NaN, add nothing;
/// dominated and repeated ones need not be removed. Any number of objectives; O(N log N) for two and
/// three on all but contrived sets, O(N^2 log N) for four, a factor of at most N for each further one.
/// Throws bad_input if the reference has another length or is not finite, numeric if a point lies at
/// -infinity.
[[nodiscard]] double hypervolume(const objective_view& points, std::span<const double> reference);

/// What `point` would add to the hypervolume of `points`. The same rules.
[[nodiscard]] double hypervolume_gain(const objective_view& points, std::span<const double> point,
                                      std::span<const double> reference);

/// What the hypervolume would lose without each point: 0 for dominated and repeated ones. O(N log N)
/// for two objectives, N times a hypervolume for more.
[[nodiscard]] std::vector<double> hypervolume_contributions(const objective_view& points,
                                                            std::span<const double> reference);

}  // namespace lathe
