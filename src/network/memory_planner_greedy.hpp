// SPDX-License-Identifier: Apache-2.0
// Greedy placements of buffers in an arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lathe/network/memory_planner.hpp"

namespace lathe::detail {

[[nodiscard]] inline bool alive_together(const planned_buffer& a,
                                         const planned_buffer& b) noexcept {
    return a.first <= b.last && b.first <= a.last;
}

/// Best of a portfolio of orders and placements; stops at the lower bound, the largest sum alive at
/// one time, and at the first plan within `enough` bytes. Sizes are taken as they are. O(k n^2) for n
/// buffers and k orders.
[[nodiscard]] memory_plan greedy_plan(const std::vector<planned_buffer>& buffers,
                                      std::int64_t enough = 0);

}  // namespace lathe::detail
