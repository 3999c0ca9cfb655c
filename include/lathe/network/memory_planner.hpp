// SPDX-License-Identifier: Apache-2.0
// Places buffers with known lifetimes in one arena (dynamic storage allocation).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lathe {

/// Alive at every time t with first <= t <= last. bytes >= 0.
struct planned_buffer {
    std::int64_t bytes = 0;
    std::int32_t first = 0;
    std::int32_t last = 0;
};

struct memory_plan {
    std::vector<std::int64_t> offsets;  ///< one per buffer, multiples of the alignment
    std::int64_t arena_bytes = 0;       ///< end of the highest buffer
    std::int64_t lower_bound = 0;       ///< largest sum of sizes alive at one time

    [[nodiscard]] bool optimal() const noexcept { return arena_bytes == lower_bound; }
};

/// Best of a portfolio of greedy orders (by size, lifetime, area, start, ...) and placements (lowest gap,
/// tightest gap, stacked), deterministic.
/// Sizes are rounded up to `alignment`, a power of two. O(k n^2) for n buffers and k orders.
/// Throws bad_input for a negative size or last < first, naming the buffer's index.
[[nodiscard]] memory_plan plan_memory(std::span<const planned_buffer> buffers,
                                      std::int64_t alignment = 64);

/// Throws internal if two buffers that are alive together overlap or one exceeds the arena.
void check_plan(std::span<const planned_buffer> buffers, const memory_plan& plan);

}  // namespace lathe
