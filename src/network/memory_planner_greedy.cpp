// SPDX-License-Identifier: Apache-2.0
#include "network/memory_planner_greedy.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace lathe::detail {
namespace {

using index = std::size_t;
using order = std::vector<index>;

/// Sum of the sizes alive at each moment where something starts, by time.
std::vector<std::pair<std::int32_t, std::int64_t>> live_sums(
    const std::vector<planned_buffer>& buffers) {
    struct event {
        std::int64_t time;
        std::int64_t change;
    };
    std::vector<event> events;
    events.reserve(2 * buffers.size());
    for (const auto& b : buffers) {
        events.push_back({b.first, b.bytes});
        events.push_back({std::int64_t{b.last} + 1, -b.bytes});
    }
    std::sort(events.begin(), events.end(), [](const event& a, const event& b) {
        return std::pair(a.time, a.change) < std::pair(b.time, b.change);
    });
    std::vector<std::pair<std::int32_t, std::int64_t>> sums;
    std::int64_t alive = 0;
    for (const auto& e : events) {
        alive += e.change;
        if (e.change <= 0) continue;
        const auto time = static_cast<std::int32_t>(e.time);
        if (sums.empty() || sums.back().first != time) sums.emplace_back(time, 0);
        sums.back().second = alive;
    }
    return sums;
}

/// Buffers by descending key; ties by descending size, then by index.
template <class Key>
order descending(const std::vector<planned_buffer>& buffers, Key key) {
    order result(buffers.size());
    std::iota(result.begin(), result.end(), index{0});
    std::sort(result.begin(), result.end(), [&](index a, index b) {
        return std::tuple(key(b), buffers[b].bytes, a) < std::tuple(key(a), buffers[a].bytes, b);
    });
    return result;
}

/// The largest sum of sizes while each buffer is alive.
std::vector<std::int64_t> breadths(const std::vector<planned_buffer>& buffers,
                                   const std::vector<std::pair<std::int32_t, std::int64_t>>& sums) {
    std::vector<std::int64_t> breadth(buffers.size(), 0);
    for (index i = 0; i < buffers.size(); ++i) {
        for (const auto& [time, sum] : sums) {
            if (buffers[i].first <= time && time <= buffers[i].last) {
                breadth[i] = std::max(breadth[i], sum);
            }
        }
    }
    return breadth;
}

/// The sizes of all that is alive together with each buffer.
std::vector<std::int64_t> conflicts(const std::vector<planned_buffer>& buffers) {
    std::vector<std::int64_t> bytes(buffers.size(), 0);
    for (index i = 0; i < buffers.size(); ++i) {
        for (const auto& other : buffers) {
            if (alive_together(buffers[i], other)) bytes[i] += other.bytes;
        }
    }
    return bytes;
}

/// The portfolio of Pisarchyk and Lee (2020, size and breadth), of TVM (conflicts) and of
/// MiniMalloc (Moffitt 2023: lifetime, area), and order of birth. Calls use(order) until it says
/// that it is enough.
template <class Use>
void portfolio(const std::vector<planned_buffer>& buffers,
               const std::vector<std::pair<std::int32_t, std::int64_t>>& sums, const Use& use) {
    const auto enough_of = [&](const auto& key) { return use(descending(buffers, key)); };
    const auto enough_by = [&](const std::vector<std::int64_t>& keys) {
        return enough_of([&](index i) { return keys[i]; });
    };
    const auto bytes = [&](index i) { return buffers[i].bytes; };
    const auto lifetime = [&](index i) {
        return std::int64_t{buffers[i].last} - buffers[i].first + 1;
    };
    const auto area = [&](index i) {
        return static_cast<double>(bytes(i)) * static_cast<double>(lifetime(i));
    };
    const auto birth = [&](index i) { return -std::int64_t{buffers[i].first}; };
    (void)(enough_of(bytes) || enough_by(breadths(buffers, sums)) || enough_of(area) ||
           enough_of(lifetime) || enough_by(conflicts(buffers)) || enough_of(birth));
}

enum class fit { lowest, tightest };

struct placement {
    std::vector<std::int64_t> offsets;
    std::int64_t height = 0;
};

/// Puts each buffer of the order in the lowest, or the smallest sufficient, gap between the buffers
/// placed before it that are alive with it. O(n^2).
placement place_in_gaps(const std::vector<planned_buffer>& buffers, const order& sequence,
                        fit rule) {
    placement result{std::vector<std::int64_t>(buffers.size(), 0), 0};
    order by_offset;  // the buffers placed so far
    by_offset.reserve(buffers.size());
    for (const index i : sequence) {
        const auto& b = buffers[i];
        if (b.bytes == 0) continue;
        std::int64_t floor = 0;  // end of what has been passed on the way up
        std::int64_t best = -1;
        std::int64_t best_gap = std::numeric_limits<std::int64_t>::max();
        for (const index j : by_offset) {
            if (!alive_together(b, buffers[j])) continue;
            const std::int64_t gap = result.offsets[j] - floor;
            if (gap >= b.bytes && gap < best_gap) {
                best = floor;
                best_gap = gap;
                if (rule == fit::lowest) break;
            }
            floor = std::max(floor, result.offsets[j] + buffers[j].bytes);
        }
        const std::int64_t offset = best >= 0 ? best : floor;
        result.offsets[i] = offset;
        result.height = std::max(result.height, offset + b.bytes);
        by_offset.insert(std::upper_bound(by_offset.begin(), by_offset.end(), offset,
                                          [&](std::int64_t value, index j) {
                                              return value < result.offsets[j];
                                          }),
                         i);
    }
    return result;
}

/// Lets every buffer rest on those below it: always places next the buffer that can lie lowest, of
/// several the first of `preference`. O(n^2).
placement stack_lowest_first(const std::vector<planned_buffer>& buffers, const order& preference) {
    placement result{std::vector<std::int64_t>(buffers.size(), 0), 0};
    order waiting = preference;
    while (!waiting.empty()) {
        const auto lowest = std::min_element(waiting.begin(), waiting.end(), [&](index a, index b) {
            return result.offsets[a] < result.offsets[b];
        });
        const index i = *lowest;
        waiting.erase(lowest);
        const std::int64_t end = result.offsets[i] + buffers[i].bytes;
        result.height = std::max(result.height, end);
        for (const index j : waiting) {
            if (alive_together(buffers[i], buffers[j])) {
                result.offsets[j] = std::max(result.offsets[j], end);
            }
        }
    }
    return result;
}

}  // namespace

memory_plan greedy_plan(const std::vector<planned_buffer>& buffers, std::int64_t enough) {
    const auto sums = live_sums(buffers);
    std::int64_t lower_bound = 0;
    for (const auto& [time, sum] : sums) lower_bound = std::max(lower_bound, sum);

    placement best{std::vector<std::int64_t>(buffers.size(), 0),
                   std::numeric_limits<std::int64_t>::max()};
    const auto is_enough = [&](placement candidate) {
        if (candidate.height < best.height) best = std::move(candidate);
        return best.height <= std::max(lower_bound, enough);
    };
    portfolio(buffers, sums, [&](const order& sequence) {
        return is_enough(place_in_gaps(buffers, sequence, fit::lowest)) ||
               is_enough(place_in_gaps(buffers, sequence, fit::tightest)) ||
               is_enough(stack_lowest_first(buffers, sequence));
    });
    return {std::move(best.offsets), best.height, lower_bound};
}

}  // namespace lathe::detail
