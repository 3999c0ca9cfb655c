// SPDX-License-Identifier: Apache-2.0
#include "network/memory_planner_search.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace lathe::detail {
namespace {

/// Depth-first search with one ranking.
class tree {
public:
    tree(const std::vector<planned_buffer>& buffers, const section_map& map,
         const std::vector<std::size_t>& twins, const std::vector<double>& ranks,
         std::int64_t capacity, std::int64_t nodes, node_meter& meter)
        : map_(map),
          twins_(twins),
          ranks_(ranks),
          sky_(buffers, map, capacity),
          nodes_(nodes),
          meter_(meter) {}

    fit_result run(section_range part) {
        if (solve(part)) return fit_result::fits;
        return stopped_ ? fit_result::stopped : fit_result::impossible;
    }

    [[nodiscard]] const skyline& sky() const noexcept { return sky_; }

private:
    static constexpr int deepest = 2'000;  // keeps the recursion within 1 MB of stack

    /// Precondition: each section of the part has waiting buffers, and they join it to its
    /// neighbours.
    bool solve(section_range part) {
        if (nodes_ == 0 || depth_ == deepest || !meter_.spend()) {
            stopped_ = true;
            return false;
        }
        --nodes_;
        ++depth_;
        const bool found = branch(part);
        --depth_;
        return found;
    }

    bool branch(section_range part) {
        const std::size_t section = fewest_choices(part);
        const std::size_t mark = sky_.mark();
        for (const auto buffer : choices(section)) {
            if (sky_.place(buffer) && solve_parts(part)) return true;
            sky_.undo(mark);
            if (stopped_) return false;
        }
        if (sky_.leave_gap(section) && solve_parts(part)) return true;
        sky_.undo(mark);
        return false;
    }

    /// The tightest first: it is the likeliest to fail.
    bool solve_parts(section_range whole) {
        std::vector<std::pair<std::int64_t, section_range>> parts;
        for (std::size_t s = whole.first; s <= whole.last; ++s) {
            if (sky_.waiting(s) == 0) continue;
            section_range part{s, s};
            std::int64_t slack = sky_.slack(s);
            while (sky_.joined_to_next(s)) slack = std::min(slack, sky_.slack(++s));
            part.last = s;
            parts.emplace_back(slack, part);
        }
        std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
            return std::pair(a.first, a.second.first) < std::pair(b.first, b.second.first);
        });
        for (const auto& [slack, part] : parts) {
            if (!solve(part)) return false;
        }
        return true;
    }

    /// Of all sections in valleys the one with the fewest candidates, then with the least slack.
    /// Only in a valley, a run of equal floors between higher ones, is it known what a buffer rests
    /// on.
    std::size_t fewest_choices(section_range part) const {
        std::size_t best = part.first;
        std::pair best_key{std::numeric_limits<std::int64_t>::max(), std::int64_t{0}};
        for (std::size_t first = part.first; first <= part.last;) {
            std::size_t end = first + 1;
            const std::int64_t floor = sky_.floor(first);
            while (end <= part.last && sky_.floor(end) == floor) ++end;
            const bool valley = (first == part.first || sky_.floor(first - 1) > floor) &&
                                (end > part.last || sky_.floor(end) > floor);
            for (std::size_t s = first; valley && s < end; ++s) {
                const std::pair key{sky_.candidates(s), sky_.slack(s)};
                if (key < best_key) {
                    best = s;
                    best_key = key;
                }
            }
            first = end;
        }
        return best;
    }

    /// The waiting buffers that can rest on the floor of the section; of equal ones the first.
    std::vector<std::size_t> choices(std::size_t section) const {
        std::vector<std::size_t> result;
        for (const auto i : map_.members[section]) {
            const bool after_twin = twins_[i] != i && sky_.waits(twins_[i]);
            if (sky_.waits(i) && sky_.release(i) == sky_.floor(section) && !after_twin) {
                result.push_back(i);
            }
        }
        std::sort(result.begin(), result.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(ranks_[a], a) < std::pair(ranks_[b], b);
        });
        return result;
    }

    const section_map& map_;
    const std::vector<std::size_t>& twins_;
    const std::vector<double>& ranks_;
    skyline sky_;
    std::int64_t nodes_;
    node_meter& meter_;
    int depth_ = 0;
    bool stopped_ = false;
};

/// For each buffer the last one before it with the same size and lifetime, or itself.
std::vector<std::size_t> find_twins(const std::vector<planned_buffer>& buffers,
                                    const section_map& map) {
    std::map<std::tuple<std::int64_t, std::size_t, std::size_t>, std::size_t> last;
    std::vector<std::size_t> twins(buffers.size());
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        const auto [position, fresh] = last.try_emplace(
            std::tuple(buffers[i].bytes, map.spans[i].first, map.spans[i].last), i);
        twins[i] = std::exchange(position->second, i);
    }
    return twins;
}

}  // namespace

node_meter::node_meter(const memory_search_limit& limit) : left_(limit.nodes) {
    if (limit.time) deadline_ = std::chrono::steady_clock::now() + *limit.time;
}

bool node_meter::spend() {
    constexpr std::int64_t nodes_between_looks_at_the_clock = 64;
    if (deadline_ && spent_ % nodes_between_looks_at_the_clock == 0 &&
        std::chrono::steady_clock::now() >= *deadline_) {
        left_ = 0;
    }
    if (left_ == 0) return false;
    --left_;
    ++spent_;
    return true;
}

placement_search::placement_search(const std::vector<planned_buffer>& buffers)
    : buffers_(buffers), map_(make_sections(buffers)), twins_(find_twins(buffers, map_)) {
    find_parts();
    rank_buffers();
}

void placement_search::find_parts() {
    for (std::size_t s = 0; s < map_.members.size(); ++s) {
        section_range part{s, s};
        for (; part.last < map_.members.size(); ++part.last) {
            std::size_t reach = 0;
            for (const auto i : map_.members[part.last]) {
                reach = std::max(reach, map_.spans[i].last);
            }
            if (reach == part.last) break;
        }
        parts_.push_back(part);
        s = part.last;
    }
}

/// Two rankings: first what meets the fullest section, then the largest area or the longest life.
void placement_search::rank_buffers() {
    std::vector<std::int64_t> fullest(buffers_.size(), 0);
    for (const auto& members : map_.members) {
        std::int64_t sum = 0;
        for (const auto i : members) sum += buffers_[i].bytes;
        for (const auto i : members) fullest[i] = std::max(fullest[i], sum);
    }
    const auto life = [&](std::size_t i) {
        return static_cast<double>(buffers_[i].last) - static_cast<double>(buffers_[i].first) + 1.0;
    };
    const auto area = [&](std::size_t i) {
        return static_cast<double>(buffers_[i].bytes) * life(i);
    };
    const auto ranked = [&](auto key) {
        std::vector<std::size_t> sequence(buffers_.size());
        std::iota(sequence.begin(), sequence.end(), std::size_t{0});
        std::sort(sequence.begin(), sequence.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(key(b), a) < std::pair(key(a), b);
        });
        ranking ranks(buffers_.size());
        for (std::size_t k = 0; k < sequence.size(); ++k) {
            ranks[sequence[k]] = static_cast<double>(k);
        }
        return ranks;
    };
    rankings_.push_back(
        ranked([&](std::size_t i) { return std::tuple(fullest[i], area(i), life(i)); }));
    rankings_.push_back(
        ranked([&](std::size_t i) { return std::tuple(fullest[i], life(i), area(i)); }));
}

/// The rankings in turn, after the first round each time a little shuffled.
placement_search::ranking placement_search::next_ranking() {
    constexpr double share_moved = 0.05;
    auto ranks = rankings_[trees_ % rankings_.size()];
    if (trees_ >= rankings_.size()) {
        const double reach = share_moved * static_cast<double>(ranks.size());
        for (auto& rank : ranks) rank += reach * random_.real();
    }
    ++trees_;
    return ranks;
}

fit_result placement_search::fit(section_range part, std::int64_t capacity, std::int64_t nodes,
                                 node_meter& meter, std::vector<std::int64_t>& offsets) {
    constexpr std::int64_t nodes_per_buffer = 4;
    std::int64_t share = nodes_per_buffer * static_cast<std::int64_t>(buffers_.size());
    const std::int64_t start = meter.spent();
    for (std::size_t k = 0; meter.left() > 0 && meter.spent() - start < nodes; ++k) {
        const auto ranks = next_ranking();
        const std::int64_t left = nodes - (meter.spent() - start);
        tree t(buffers_, map_, twins_, ranks, capacity, std::min(share, left), meter);
        const auto result = t.run(part);
        if (result == fit_result::fits) {
            for (std::size_t i = 0; i < buffers_.size(); ++i) {
                if (in_part(i, part)) offsets[i] = t.sky().release(i);
            }
        }
        if (result == fit_result::impossible) needed_ = t.sky().needed();
        if (result != fit_result::stopped) return result;
        if (k % rankings_.size() == rankings_.size() - 1) share += share / 4;
    }
    return fit_result::stopped;
}

}  // namespace lathe::detail
