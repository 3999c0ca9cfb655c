// SPDX-License-Identifier: Apache-2.0
// How much room a point has on its front (Deb et al. 2002).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/pareto/dominance.hpp"
#include "lathe/pareto/lexicographic.hpp"

namespace lathe {

/// Crowding distances; keeps its buffer. Not thread-safe.
class crowding {
public:
    /// distance[k] belongs to the point front[k]: the sum over the objectives of the gap between its
    /// two neighbours over the range of the front. In each objective the first and the last point
    /// (equal values in the order of `front`) have infinite distance; an objective in which the whole
    /// front is equal says nothing and is skipped; fronts of one and two points are infinite. Gaps in
    /// an infinite range count nothing. Throws bad_input unless both have the same length.
    /// Precondition: no point of the front holds a NaN. O(M N).
    void measure(const objective_view& points, std::span<const std::uint32_t> front,
                 std::span<double> distance);

private:
    bool measure_staircase(const objective_view& points, std::span<const std::uint32_t> front,
                           std::span<double> distance);

    lexicographic_order order_;
    std::vector<double> values_;
};

}  // namespace lathe
