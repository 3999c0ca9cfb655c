// SPDX-License-Identifier: Apache-2.0
// Memory planning: random instances, public instances and the exhaustive optimum.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/network/memory_planner.hpp"

namespace lathe::test {

using buffers = std::vector<planned_buffer>;

inline std::int64_t live_at(const buffers& all, std::int32_t time) {
    std::int64_t sum = 0;
    for (const auto& b : all) {
        if (b.first <= time && time <= b.last) sum += b.bytes;
    }
    return sum;
}

/// Smallest arena by trying every order: lowest fit on top of what lies below in time reaches an
/// optimal placement for some order, because in one every buffer rests on the floor or on another.
inline std::int64_t smallest_arena(const buffers& all) {
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    do {
        std::vector<std::int64_t> top(all.size(), 0);
        std::int64_t height = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const auto& below = all[order[i]];
            const std::int64_t end = top[order[i]] + below.bytes;
            height = std::max(height, end);
            for (std::size_t j = i + 1; j < order.size(); ++j) {
                const auto& above = all[order[j]];
                if (above.first <= below.last && below.first <= above.last) {
                    top[order[j]] = std::max(top[order[j]], end);
                }
            }
        }
        best = std::min(best, height);
    } while (std::next_permutation(order.begin(), order.end()));
    return best;
}

inline buffers random_buffers(rng& random, std::uint32_t count, std::uint32_t times,
                              std::uint32_t size) {
    buffers result(count);
    for (auto& b : result) {
        b.bytes = random.below(size);
        b.first = static_cast<std::int32_t>(random.below(times));
        b.last = b.first + static_cast<std::int32_t>(random.below(times / 2 + 1));
    }
    return result;
}

/// Whether the buffers fit when those with offsets lie there: tries every whole offset of the
/// others.
inline bool fits_by_trial(const buffers& all, std::int64_t capacity,
                          std::vector<std::int64_t>& offsets) {
    const std::size_t next = offsets.size();
    if (next == all.size()) return true;
    const auto& b = all[next];
    for (std::int64_t offset = 0; offset + b.bytes <= capacity; ++offset) {
        bool free = true;
        for (std::size_t j = 0; j < next && free; ++j) {
            const auto& other = all[j];
            const bool together = b.first <= other.last && other.first <= b.last;
            free =
                !together || offset + b.bytes <= offsets[j] || offsets[j] + other.bytes <= offset;
        }
        if (!free) continue;
        offsets.push_back(offset);
        if (fits_by_trial(all, capacity, offsets)) return true;
        offsets.pop_back();
    }
    return false;
}

/// Smallest arena by trying every whole offset: for small sizes, fast when ordered by start.
inline std::int64_t smallest_arena_by_trial(const buffers& all) {
    std::int64_t capacity = 0;
    for (const auto& b : all) capacity = std::max(capacity, live_at(all, b.first));
    for (std::vector<std::int64_t> offsets; !fits_by_trial(all, capacity, offsets); ++capacity) {
    }
    return capacity;
}

/// Almost `load` bytes alive at every time, in order of start: at each some buffers end and others
/// of the same sum begin, none of one byte. One in fifteen needs more than the largest live sum.
inline buffers full_load(rng& random, std::uint32_t load, std::int32_t times) {
    buffers all;
    std::vector<std::size_t> alive;
    std::uint32_t free = load;
    for (std::int32_t t = 0; t < times; ++t) {
        std::vector<std::size_t> kept;
        for (const auto i : alive) {
            if (random.below(5) > 0) {
                kept.push_back(i);
            } else {
                all[i].last = t - 1;
                free += static_cast<std::uint32_t>(all[i].bytes);
            }
        }
        alive = kept;
        while (free > 1) {
            const auto bytes = 2 + random.below(std::min(free, load / 2) - 1);
            free -= bytes;
            alive.push_back(all.size());
            all.push_back({bytes, t, times - 1});
        }
    }
    return all;
}

/// MiniMalloc's instances in the order of their names; none where the folder is absent.
inline std::vector<std::filesystem::path> minimalloc_files() {
    const auto folder = std::filesystem::path(LATHE_SOURCE_DIR) / "../shared/data/minimalloc";
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::is_directory(folder)) return files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".csv") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

inline buffers read_minimalloc(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    REQUIRE(std::getline(in, line));
    REQUIRE(line == "id,lower,upper,size");
    buffers all;
    while (std::getline(in, line)) {
        std::istringstream row(line);
        std::int64_t id = 0, bytes = 0;
        std::int32_t lower = 0, upper = 0;
        char comma = 0;
        REQUIRE(row >> id >> comma >> lower >> comma >> upper >> comma >> bytes);
        all.push_back({bytes, lower, upper - 1});
    }
    return all;
}

}  // namespace lathe::test
