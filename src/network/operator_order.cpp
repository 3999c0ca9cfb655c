// SPDX-License-Identifier: Apache-2.0
#include "network/operator_order.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "lathe/core/hash.hpp"

namespace lathe::detail {
namespace {

using index = std::size_t;
constexpr index sets_kept = 256;  // of each size: exact for networks of a few branches

/// A set of groups. Hashed and compared as a whole.
class group_set {
public:
    explicit group_set(index groups) : words_((groups + 63) / 64, 0) {}
    [[nodiscard]] bool has(index g) const { return (words_[g / 64] >> (g % 64) & 1U) != 0; }
    void add(index g) { words_[g / 64] |= std::uint64_t{1} << (g % 64); }
    friend bool operator==(const group_set&, const group_set&) = default;

    struct hash {
        std::size_t operator()(const group_set& s) const {
            hasher h;
            for (const auto w : s.words_) h.add(w);
            return h.value();
        }
    };

private:
    std::vector<std::uint64_t> words_;
};

/// Groups and the values between them. The value of group g is number g; inputs come behind.
class value_flow {
public:
    value_flow(const network& net, std::span<const layer_group> groups, const concat_slices& slices)
        : groups_(groups.size()), number_of_(net.nodes().size(), 0) {
        for (index g = 0; g < groups.size(); ++g) define(net, groups[g].result());
        for (const auto in : net.inputs()) define(net, in);
        for (const auto& out : net.outputs()) values_[number(out.value)].is_output = true;
        take_writers(groups, slices);
        for (index g = 0; g < groups.size(); ++g) {
            reads_.emplace_back();
            overwritable_.emplace_back();
            for (const auto v : reads_of(net, groups[g])) {
                reads_[g].push_back(number(v));
                values_[number(v)].readers.push_back(g);
            }
            for (const auto v : overwritable_by(net, groups[g])) {
                overwritable_[g].push_back(number(v));
            }
        }
    }

    [[nodiscard]] index groups() const { return groups_; }
    /// Bytes of the inputs, which are there before the first group.
    [[nodiscard]] std::int64_t at_start() const {
        std::int64_t bytes = 0;
        for (index v = groups_; v < values_.size(); ++v) bytes += values_[v].bytes;
        return bytes;
    }
    [[nodiscard]] bool is_ready(const group_set& done, index g) const {
        return std::ranges::all_of(reads_[g],
                                   [&](index v) { return v >= groups_ || done.has(v); });
    }
    /// Bytes alive while group g runs after those of `done`, and behind it, given those before.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> run(const group_set& done, index g,
                                                            std::int64_t alive) const {
        const auto dies = [&](index v) { return dies_at(done, v, g); };
        const auto overwritten = std::ranges::find_if(overwritable_[g], dies);
        const std::int64_t opened = opened_by(done, g);
        std::int64_t during = alive + opened;
        if (overwritten != overwritable_[g].end()) during -= values_[*overwritten].bytes;
        std::int64_t behind = alive + opened;
        if (!values_[g].is_output && values_[g].readers.empty()) behind -= values_[g].bytes;
        for (const index v : reads_[g]) {
            if (dies(v)) behind -= values_[v].bytes;
        }
        return {during, behind};
    }

private:
    struct value {
        std::int64_t bytes = 0;
        bool is_output = false;
        std::vector<index> readers = {};
    };

    void define(const network& net, value_id v) {
        number_of_[static_cast<index>(v)] = values_.size();
        values_.push_back({byte_size(net.at(v).type, 1)});
    }
    /// A slice has no memory of its own, but writes into that of the whole.
    void take_writers(std::span<const layer_group> groups, const concat_slices& slices) {
        writers_.resize(groups_);
        for (index g = 0; g < groups_; ++g) {
            target_.push_back(number(place_of(slices, groups[g].result()).whole));
            writers_[target_[g]].push_back(g);
            if (target_[g] != g) values_[g].bytes = 0;
        }
    }
    /// Bytes of the buffer that group g is the first to write into.
    [[nodiscard]] std::int64_t opened_by(const group_set& done, index g) const {
        const auto& writers = writers_[target_[g]];
        const bool is_there = std::ranges::any_of(writers, [&](index w) { return done.has(w); });
        return is_there ? 0 : values_[target_[g]].bytes;
    }
    [[nodiscard]] index number(value_id v) const { return number_of_[static_cast<index>(v)]; }
    [[nodiscard]] bool dies_at(const group_set& done, index v, index g) const {
        return !values_[v].is_output && std::ranges::all_of(values_[v].readers, [&](index reader) {
            return reader == g || done.has(reader);
        });
    }

    index groups_;
    std::vector<index> number_of_;  // per node
    std::vector<value> values_;
    std::vector<std::vector<index>> reads_, overwritable_;  // per group
    std::vector<index> target_;                // per group: the value in whose memory it writes
    std::vector<std::vector<index>> writers_;  // per value of a group
};

/// A set of groups that can have run, and the best way to it.
struct partial_order {
    group_set done;
    std::int64_t alive = 0;
    std::int64_t peak = 0;
    index before = 0;  ///< the set without the last group, among those of its size
    index last = 0;
};

using level = std::vector<partial_order>;

level next_level(const value_flow& flow, const level& from) {
    level to;
    std::unordered_map<group_set, index, group_set::hash> found;
    for (index i = 0; i < from.size(); ++i) {
        for (index g = 0; g < flow.groups(); ++g) {
            if (from[i].done.has(g) || !flow.is_ready(from[i].done, g)) continue;
            const auto [during, behind] = flow.run(from[i].done, g, from[i].alive);
            partial_order next{from[i].done, behind, std::max(from[i].peak, during), i, g};
            next.done.add(g);
            const auto [place, is_new] = found.try_emplace(next.done, to.size());
            if (is_new) {
                to.push_back(std::move(next));
            } else if (next.peak < to[place->second].peak) {
                to[place->second] = std::move(next);
            }
        }
    }
    if (to.size() > sets_kept) {
        std::ranges::stable_sort(to, {}, [](const partial_order& p) {
            return std::pair(p.peak, p.alive);
        });
        to.erase(to.begin() + sets_kept, to.end());
    }
    return to;
}

}  // namespace

std::int64_t peak_of(const network& net, std::span<const layer_group> groups,
                     const concat_slices& slices) {
    const value_flow flow(net, groups, slices);
    group_set done(groups.size());
    std::int64_t alive = flow.at_start();
    std::int64_t peak = alive;
    for (index g = 0; g < groups.size(); ++g) {
        std::int64_t during = 0;
        std::tie(during, alive) = flow.run(done, g, alive);
        peak = std::max(peak, during);
        done.add(g);
    }
    return peak;
}

std::vector<layer_group> order_for_memory(const network& net, std::vector<layer_group> groups,
                                          const concat_slices& slices) {
    const value_flow flow(net, groups, slices);
    std::vector<level> levels{{{group_set(groups.size()), flow.at_start(), flow.at_start()}}};
    for (index g = 0; g < groups.size(); ++g) levels.push_back(next_level(flow, levels.back()));
    if (levels.back().front().peak >= peak_of(net, groups, slices)) return groups;
    std::vector<layer_group> ordered(groups.size());
    index at = 0;
    for (index g = groups.size(); g > 0; --g) {
        const partial_order& p = levels[g][at];
        ordered[g - 1] = std::move(groups[p.last]);
        at = p.before;
    }
    return ordered;
}

execution plan_execution(const network& net) {
    const auto fused = fuse(net);
    execution best{order_for_memory(net, fused), {}};
    std::map<value_id, concat_slices> by_concat;
    for (const auto& [value, slice] : find_concat_slices(net, fused)) {
        by_concat[slice.whole][value] = slice;
    }
    if (by_concat.empty()) return best;
    std::int64_t least = peak_of(net, best.groups);
    for (const auto& [whole, slices] : by_concat) {
        execution tried{{}, best.slices};
        tried.slices.insert(slices.begin(), slices.end());
        tried.groups = order_for_memory(net, fused, tried.slices);
        const std::int64_t peak = peak_of(net, tried.groups, tried.slices);
        if (peak > least) continue;
        least = peak;
        best = std::move(tried);
    }
    return best;
}

}  // namespace lathe::detail
