// SPDX-License-Identifier: Apache-2.0
// Points in lexicographic order: the first step of every sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/pareto/dominance.hpp"

namespace lathe {

/// Sorts points by the first objective, equal ones by the second, and so on. Keeps its buffers: sorting
/// again allocates nothing. Not thread-safe.
class lexicographic_order {
public:
    /// The indices of the points in order, valid until the next call. Points that are equal in all
    /// objectives come by index, those with a NaN are left out. Radix sort of the leading bits in which
    /// the points differ: O(M N), whatever the values.
    std::span<const std::uint32_t> sort(const objective_view& points);

    /// What sort() gave last.
    [[nodiscard]] std::span<const std::uint32_t> indices() const noexcept { return indices_; }

private:
    struct window;
    void sort_range(const objective_view& points, std::size_t first, std::size_t last,
                    std::size_t column);
    void sort_runs(const objective_view& points, std::size_t first, std::size_t last,
                   std::size_t column);
    void sort_ties(const objective_view& points, std::size_t first, std::size_t last,
                   std::size_t column);
    window leading_bits(std::span<const double> values, std::span<const std::uint64_t> items);
    void distribute(window bits, std::span<std::uint64_t> items);

    std::vector<std::uint64_t> items_;  // index, and above it the bits that it is sorted by
    std::vector<std::uint64_t> keys_, spare_;
    std::vector<std::uint32_t> count_, run_, place_, indices_;
};

}  // namespace lathe
