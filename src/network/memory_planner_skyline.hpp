// SPDX-License-Identifier: Apache-2.0
// The state of a search for a placement: what lies in the arena so far, seen from above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "lathe/network/memory_planner.hpp"

namespace lathe::detail {

/// Sections first..last, both included.
struct section_range {
    std::size_t first = 0;
    std::size_t last = 0;
};

/// Time cut into the moments that matter: the sets of buffers alive together that are no subset of
/// another one, in the order of time. Two buffers are alive together exactly where they share one.
struct section_map {
    std::vector<section_range> spans;               ///< of each buffer
    std::vector<std::vector<std::size_t>> members;  ///< of each section
};

/// O(n log n + sum of members).
[[nodiscard]] section_map make_sections(const std::vector<planned_buffer>& buffers);

/// Sections with a floor that only rises: buffers are placed upon it. Each waiting buffer has a
/// release, the lowest offset that the floors under it leave. Every change can be undone.
///
/// It relies on one property of the placement looked for, the one with the smallest sum of offsets:
/// no buffer in it could be moved down. States that would only lead to others are refused.
class skyline {
public:
    /// Keeps references. Preconditions: positive sizes; the capacity holds all that is alive at a
    /// time.
    skyline(const std::vector<planned_buffer>& buffers, const section_map& map,
            std::int64_t capacity);

    /// Puts a waiting buffer at its release. False when the rest cannot be placed; undo is due.
    /// Precondition: the floor is the same in all sections of the buffer.
    [[nodiscard]] bool place(std::size_t buffer);
    /// Nothing will rest on the floor of the section: it rises to the next offset where something
    /// can. False when the rest cannot be placed; undo is due.
    [[nodiscard]] bool leave_gap(std::size_t section);

    [[nodiscard]] std::size_t mark() const noexcept { return changes_.size(); }
    void undo(std::size_t mark);

    [[nodiscard]] bool waits(std::size_t buffer) const { return waits_[buffer] != 0; }
    /// Of a placed buffer its offset.
    [[nodiscard]] std::int64_t release(std::size_t buffer) const { return release_[buffer]; }
    [[nodiscard]] std::int64_t floor(std::size_t section) const { return floor_[section]; }
    /// Waiting buffers that can rest on the floor of the section.
    [[nodiscard]] std::int64_t candidates(std::size_t section) const {
        return candidates_[section];
    }
    /// Bytes of the section that may stay empty above its floor.
    [[nodiscard]] std::int64_t slack(std::size_t section) const { return slack_[section]; }
    [[nodiscard]] std::int64_t waiting(std::size_t section) const { return waiting_[section]; }
    /// Whether a waiting buffer is in this section and in the next.
    [[nodiscard]] bool joined_to_next(std::size_t section) const { return crossing_[section] != 0; }

    /// The smallest capacity with which one more state would have been accepted. When all of a
    /// search has failed, no placement is smaller.
    [[nodiscard]] std::int64_t needed() const noexcept { return needed_; }

private:
    struct change {
        std::int64_t* cell;
        std::int64_t old;
    };

    void set(std::int64_t& cell, std::int64_t value);
    [[nodiscard]] bool settle(section_range raised);
    void raise_releases(section_range raised);
    [[nodiscard]] bool update(std::size_t section);
    void sort_by_release(std::vector<std::size_t>& members) const;
    [[nodiscard]] bool gap_holds_a_waiting_buffer() const;
    [[nodiscard]] std::int64_t level_above(std::size_t section) const;

    const std::vector<planned_buffer>& buffers_;
    const section_map& map_;
    std::int64_t capacity_;
    std::int64_t needed_ = std::numeric_limits<std::int64_t>::max();
    std::vector<std::vector<std::size_t>> members_;  // of each section, nearly sorted by release
    // of buffers
    std::vector<std::int64_t> release_;
    std::vector<std::int64_t> waits_;
    // of sections
    std::vector<std::int64_t> top_;  // of the highest placed buffer; the floor may be above it
    std::vector<std::int64_t> floor_;
    std::vector<std::int64_t> slack_;
    std::vector<std::int64_t> candidates_;
    std::vector<std::int64_t> waiting_;
    std::vector<std::int64_t> crossing_;
    std::vector<change> changes_;
    // used within settle
    std::vector<char> stale_;
    section_range stale_range_;
    std::vector<std::size_t> gaps_;
};

}  // namespace lathe::detail
