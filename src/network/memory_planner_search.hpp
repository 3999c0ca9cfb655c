// SPDX-License-Identifier: Apache-2.0
// Branch and bound for a placement within a capacity.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/network/memory_planner.hpp"
#include "network/memory_planner_skyline.hpp"

namespace lathe::detail {

/// Counts the nodes of a search against its limit.
class node_meter {
public:
    explicit node_meter(const memory_search_limit& limit);

    /// False when the limit is reached.
    [[nodiscard]] bool spend();
    [[nodiscard]] std::int64_t left() const noexcept { return left_; }
    [[nodiscard]] std::int64_t spent() const noexcept { return spent_; }

private:
    std::int64_t left_;
    std::int64_t spent_ = 0;
    std::optional<std::chrono::steady_clock::time_point> deadline_;
};

enum class fit_result { fits, impossible, stopped };

/// Finds a placement within a capacity or proves that there is none.
///
/// One tree places from the bottom up and keeps to placements in which no buffer could be moved
/// down (Moffitt 2023). It branches on a valley of the skyline, there on the section that leaves
/// the fewest choices: each buffer that can rest on the floor, in the order of a ranking, or none.
/// A section whose waiting buffers, each from its release on, cannot be stacked within the capacity
/// ends the branch. Sections that no waiting buffer joins are solved apart. Trees with other
/// rankings follow one that has used up its share of nodes; the shares grow, so that one of them is
/// complete in the end.
class placement_search {
public:
    /// Keeps a reference. Precondition: positive sizes.
    explicit placement_search(const std::vector<planned_buffer>& buffers);

    /// Parts of the time that share no buffer.
    [[nodiscard]] const std::vector<section_range>& parts() const noexcept { return parts_; }
    [[nodiscard]] bool in_part(std::size_t buffer, section_range part) const {
        return part.first <= map_.spans[buffer].first && map_.spans[buffer].last <= part.last;
    }

    /// Looks for a placement of one part with at most `nodes` nodes. Precondition: the capacity
    /// holds all that is alive at a time. fits: `offsets` of the part's buffers are set;
    /// impossible: needed() is a lower bound.
    [[nodiscard]] fit_result fit(section_range part, std::int64_t capacity, std::int64_t nodes,
                                 node_meter& meter, std::vector<std::int64_t>& offsets);
    [[nodiscard]] std::int64_t needed() const noexcept { return needed_; }

private:
    using ranking = std::vector<double>;  // of each buffer; the smallest first

    void find_parts();
    void rank_buffers();
    [[nodiscard]] ranking next_ranking();

    const std::vector<planned_buffer>& buffers_;
    section_map map_;
    std::vector<section_range> parts_;
    std::vector<std::size_t> twins_;  // an equal buffer before it, or itself
    std::vector<ranking> rankings_;
    rng random_{0};
    std::size_t trees_ = 0;
    std::int64_t needed_ = 0;
};

}  // namespace lathe::detail
