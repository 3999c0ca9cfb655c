// SPDX-License-Identifier: Apache-2.0
#include "network/memory_planner_skyline.hpp"

#include <algorithm>

namespace lathe::detail {
namespace {

constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();

bool covers(section_range span, std::size_t section) noexcept {
    return span.first <= section && section <= span.last;
}

}  // namespace

section_map make_sections(const std::vector<planned_buffer>& buffers) {
    struct event {
        std::int64_t time;
        bool starts;
        std::size_t buffer;
    };
    std::vector<event> events;
    events.reserve(2 * buffers.size());
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        events.push_back({buffers[i].first, true, i});
        events.push_back({std::int64_t{buffers[i].last} + 1, false, i});
    }
    // What ends makes room for what starts at the same time.
    std::sort(events.begin(), events.end(), [](const event& a, const event& b) {
        if (a.time != b.time) return a.time < b.time;
        if (a.starts != b.starts) return b.starts;
        return a.buffer < b.buffer;
    });
    section_map map;
    map.spans.resize(buffers.size());
    std::size_t count = 0;
    bool grown = false;  // since the last section
    for (const auto& e : events) {
        if (e.starts) {
            map.spans[e.buffer].first = count;
            grown = true;
            continue;
        }
        if (grown) ++count;
        grown = false;
        map.spans[e.buffer].last = count - 1;
    }
    map.members.resize(count);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        for (std::size_t s = map.spans[i].first; s <= map.spans[i].last; ++s) {
            map.members[s].push_back(i);
        }
    }
    return map;
}

skyline::skyline(const std::vector<planned_buffer>& buffers, const section_map& map,
                 std::int64_t capacity)
    : buffers_(buffers),
      map_(map),
      capacity_(capacity),
      members_(map.members),
      release_(buffers.size(), 0),
      waits_(buffers.size(), 1),
      top_(map.members.size(), 0),
      floor_(map.members.size(), 0),
      slack_(map.members.size(), 0),
      candidates_(map.members.size(), 0),
      waiting_(map.members.size(), 0),
      crossing_(map.members.size(), 0),
      stale_(map.members.size(), 0) {
    for (std::size_t s = 0; s < members_.size(); ++s) {
        slack_[s] = capacity;
        for (const auto i : members_[s]) {
            slack_[s] -= buffers[i].bytes;
            if (map.spans[i].last > s) ++crossing_[s];
        }
        waiting_[s] = candidates_[s] = static_cast<std::int64_t>(members_[s].size());
    }
}

bool skyline::place(std::size_t buffer) {
    const auto span = map_.spans[buffer];
    const std::int64_t end = release_[buffer] + buffers_[buffer].bytes;
    set(waits_[buffer], 0);
    for (std::size_t s = span.first; s <= span.last; ++s) {
        set(waiting_[s], waiting_[s] - 1);
        if (s < span.last) set(crossing_[s], crossing_[s] - 1);
        set(top_[s], end);
        set(floor_[s], end);
    }
    return settle(span);
}

bool skyline::leave_gap(std::size_t section) {
    const std::int64_t level = level_above(section);
    if (level == nowhere) return false;
    set(floor_[section], level);
    gaps_.push_back(section);
    return settle({section, section});
}

void skyline::undo(std::size_t mark) {
    while (changes_.size() > mark) {
        *changes_.back().cell = changes_.back().old;
        changes_.pop_back();
    }
}

void skyline::set(std::int64_t& cell, std::int64_t value) {
    if (cell == value) return;
    changes_.push_back({&cell, cell});
    cell = value;
}

/// Follows up risen floors: releases, then all that depends on them.
bool skyline::settle(section_range raised) {
    raise_releases(raised);
    bool possible = true;
    for (std::size_t s = stale_range_.first; s <= stale_range_.last; ++s) {
        if (stale_[s] == 0) continue;
        stale_[s] = 0;
        possible = possible && update(s);
    }
    possible = possible && !gap_holds_a_waiting_buffer();
    gaps_.clear();
    return possible;
}

void skyline::raise_releases(section_range raised) {
    stale_range_ = raised;
    const auto touch = [&](section_range range) {
        std::fill(stale_.begin() + static_cast<std::ptrdiff_t>(range.first),
                  stale_.begin() + static_cast<std::ptrdiff_t>(range.last) + 1, char{1});
        stale_range_.first = std::min(stale_range_.first, range.first);
        stale_range_.last = std::max(stale_range_.last, range.last);
    };
    touch(raised);
    for (std::size_t s = raised.first; s <= raised.last; ++s) {
        for (const auto i : members_[s]) {
            if (waits_[i] == 0 || release_[i] >= floor_[s]) continue;
            set(release_[i], floor_[s]);
            touch(map_.spans[i]);
        }
    }
}

/// Stacks the waiting buffers of one section by their releases: no placement ends lower there. The
/// lowest release becomes the floor, which changes no release.
bool skyline::update(std::size_t section) {
    auto& members = members_[section];
    sort_by_release(members);
    std::int64_t lowest = nowhere;
    std::int64_t end = 0;
    std::int64_t candidates = 0;
    for (const auto i : members) {
        if (waits_[i] == 0) continue;
        lowest = std::min(lowest, release_[i]);
        candidates += release_[i] == lowest;
        end = std::max(end, release_[i]) + buffers_[i].bytes;
    }
    if (lowest == nowhere) return true;
    if (end > capacity_) {
        needed_ = std::min(needed_, end);
        return false;
    }
    set(slack_[section], capacity_ - end);
    set(candidates_[section], candidates);
    if (lowest > floor_[section]) {
        set(floor_[section], lowest);
        gaps_.push_back(section);
    }
    return true;
}

/// Insertion sort: the order of the last visit is nearly right.
void skyline::sort_by_release(std::vector<std::size_t>& members) const {
    for (std::size_t k = 1; k < members.size(); ++k) {
        const std::size_t moved = members[k];
        std::size_t to = k;
        for (; to > 0 && release_[members[to - 1]] > release_[moved]; --to) {
            members[to] = members[to - 1];
        }
        members[to] = moved;
    }
}

/// A buffer that could lie in a gap that all others stay above would have been moved there.
bool skyline::gap_holds_a_waiting_buffer() const {
    for (const auto section : gaps_) {
        for (const auto i : members_[section]) {
            if (waits_[i] == 0) continue;
            const auto [first, last] = map_.spans[i];
            std::int64_t bottom = 0;
            std::int64_t ceiling = floor_[section];
            for (std::size_t s = first; s <= last && bottom + buffers_[i].bytes <= ceiling; ++s) {
                bottom = std::max(bottom, top_[s]);
                ceiling = std::min(ceiling, floor_[s]);
            }
            if (bottom + buffers_[i].bytes <= ceiling) return true;
        }
    }
    return false;
}

/// Where the lowest buffer of the section can begin if not on the floor: at the release of one that
/// cannot lie lower, or upon a buffer that is not in the section and itself not below its release.
std::int64_t skyline::level_above(std::size_t section) const {
    std::int64_t level = nowhere;
    section_range under{section, section};  // the sections of those that could rest on the floor
    for (const auto i : members_[section]) {
        if (waits_[i] == 0) continue;
        if (release_[i] > floor_[section]) {
            level = std::min(level, release_[i]);
        } else {
            under.first = std::min(under.first, map_.spans[i].first);
            under.last = std::max(under.last, map_.spans[i].last);
        }
    }
    for (std::size_t s = under.first; s <= under.last; ++s) {
        for (const auto i : members_[s]) {
            if (waits_[i] == 0 || covers(map_.spans[i], section)) continue;
            level = std::min(level, release_[i] + buffers_[i].bytes);
        }
    }
    return level;
}

}  // namespace lathe::detail
