// SPDX-License-Identifier: Apache-2.0
// Places buffers with known lifetimes in one arena (dynamic storage allocation).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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
    /// No placement is smaller: the largest sum of sizes alive at one time, or what a search
    /// proved.
    std::int64_t lower_bound = 0;

    [[nodiscard]] bool optimal() const noexcept { return arena_bytes == lower_bound; }
    /// How far the arena may be above the smallest one, as a share of the bound; 0 when optimal.
    [[nodiscard]] double gap() const noexcept {
        return optimal() ? 0.0
                         : static_cast<double>(arena_bytes - lower_bound) /
                               static_cast<double>(lower_bound);
    }
};

/// Best of a portfolio of greedy orders (by size, lifetime, area, start, ...) and placements
/// (lowest gap, tightest gap, stacked), deterministic. Where it misses the lower bound and there
/// are few buffers, a search of a few hundred nodes follows; `lower_bound` stays the largest sum
/// alive at one time. The first plan within `enough` bytes ends it. Sizes are rounded up to
/// `alignment`, a power of two. O(k n^2) for n buffers and k orders. Throws bad_input for a negative
/// size or last < first, naming the buffer's index.
[[nodiscard]] memory_plan plan_memory(std::span<const planned_buffer> buffers,
                                      std::int64_t alignment = 64, std::int64_t enough = 0);

/// When a search gives up. The nodes alone make its result deterministic; a time limit that is
/// reached makes it depend on the machine.
struct memory_search_limit {
    std::int64_t nodes = 1'000'000;
    std::optional<std::chrono::milliseconds> time = std::nullopt;
};

enum class memory_proof {
    optimal,     ///< no placement is smaller than the plan
    fits,        ///< the plan is within the capacity
    infeasible,  ///< no placement is within the capacity
    stopped,     ///< the limit was reached; plan and bound are the best known
};

struct searched_memory_plan {
    memory_plan plan;  ///< always valid, also where it exceeds the capacity
    memory_proof proof = memory_proof::stopped;
    std::int64_t nodes = 0;  ///< of all search trees; 0 when the greedy portfolio was enough
};

/// The smallest arena by branch and bound (after Moffitt, MiniMalloc, ASPLOS 2023; docs/memory.md)
/// behind the portfolio of plan_memory. `proof` is optimal or stopped.
/// Memory O(n s) for n buffers and s moments that differ in what is alive; time exponential in n,
/// so that the limit matters. Throws as plan_memory, and bad_input for a negative limit.
[[nodiscard]] searched_memory_plan minimise_memory(std::span<const planned_buffer> buffers,
                                                   std::int64_t alignment = 64,
                                                   const memory_search_limit& limit = {});

/// Whether the buffers fit into `capacity` bytes, and how. `proof` is fits, infeasible or stopped.
/// Otherwise as minimise_memory; often much faster. Throws bad_input for a negative capacity, too.
[[nodiscard]] searched_memory_plan fit_memory(std::span<const planned_buffer> buffers,
                                              std::int64_t capacity, std::int64_t alignment = 64,
                                              const memory_search_limit& limit = {});

/// Throws internal if two buffers that are alive together overlap or one exceeds the arena.
void check_plan(std::span<const planned_buffer> buffers, const memory_plan& plan);

}  // namespace lathe
