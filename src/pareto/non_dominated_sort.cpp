// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/non_dominated_sort.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lathe/core/error.hpp"
#include "pareto/front_counter.hpp"
#include "pareto/sort_key.hpp"

namespace lathe {
namespace {

constexpr std::size_t word_bits = 64;
constexpr std::size_t row_budget = std::size_t{1} << 20;  // words of bit sets held at a time (8 MiB)

/// Number of keys <= x in an ascending array, without branches.
std::size_t count_up_to(const std::uint64_t* keys, std::size_t n, std::uint64_t x) noexcept {
    const std::uint64_t* base = keys;
    while (n > 1) {
        const std::size_t half = n / 2;
        base += half & (0 - static_cast<std::size_t>(base[half - 1] <= x));
        n -= half;
    }
    return static_cast<std::size_t>(base - keys) + (n == 1 && *base <= x ? 1U : 0U);
}

/// A sweep beats the bit sets from 8 points on, twice at 200.
sort_method choose(std::size_t objectives) {
    if (objectives <= 2) return sort_method::sweep2;
    return objectives == 3 ? sort_method::sweep3 : sort_method::bitset;
}

void check(const objective_view& points, std::size_t ranks, sort_method method) {
    const auto fail = [](std::string problem, std::string remedy) {
        throw error(errc::bad_input, "non_dominated_sorter", std::move(problem), std::move(remedy));
    };
    const std::size_t m = points.objectives();
    if (m == 0) fail("points without objectives cannot be ranked", "give at least one objective");
    if (ranks != points.points()) {
        fail(fmt::format("room for {} ranks of {} points", ranks, points.points()),
             "give one rank per point");
    }
    if ((method == sort_method::sweep2 && m > 2) || (method == sort_method::sweep3 && m > 3)) {
        fail(fmt::format("this sweep cannot rank {} objectives", m), "use sort_method::automatic");
    }
}

}  // namespace

std::uint32_t non_dominated_sorter::rank(const objective_view& points,
                                         std::span<std::uint32_t> ranks, std::size_t enough) {
    check(points, ranks.size(), method_);
    enough = std::max<std::size_t>(enough, 1);
    std::fill(ranks.begin(), ranks.end(), unranked);
    const std::size_t n = order_.sort(points).size();
    const std::size_t m = points.objectives();
    const auto method = method_ == sort_method::automatic ? choose(m) : method_;
    const bool flat = method == sort_method::sweep2 || (method == sort_method::sweep3 && m < 3);
    const std::uint32_t fronts = flat ? sweep2(points, ranks, enough)
                                      : rank_distinct(method, points, ranks, enough);
    if (enough < n) {
        for (auto& r : ranks) r = r < fronts ? r : unranked;
    }
    return fronts;
}

/// The smallest second objective of each front so far ascends with the rank, and no later point can
/// beat an earlier one in the first objective: a point belongs to the first front whose smallest
/// second objective is above its own.
std::uint32_t non_dominated_sorter::sweep2(const objective_view& points,
                                           std::span<std::uint32_t> ranks, std::size_t enough) {
    const auto order = order_.indices();
    const auto first = points.column(0);
    const auto second = points.column(points.objectives() - 1);
    tails_.resize(std::max(tails_.size(), order.size()));
    std::uint64_t* const tails = tails_.data();
    std::uint32_t fronts = 0;
    std::uint32_t rank = 0;
    std::uint32_t last = 0;
    std::uint64_t last_y = 0;
    for (const std::uint32_t i : order) {
        const std::uint64_t y = detail::sort_key(second[i]);
        if (fronts == 0 || y != last_y || first[i] != first[last]) {
            const bool behind = fronts > 0 && tails[fronts - 1] <= y;
            rank = behind ? fronts : static_cast<std::uint32_t>(count_up_to(tails, fronts, y));
            tails[rank] = y;
            fronts = std::max(fronts, rank + 1);
            last = i;
            last_y = y;
        }
        ranks[i] = rank;
    }
    if (enough >= order.size()) return fronts;
    in_front_.assign(fronts, 0);
    for (const std::uint32_t i : order) ++in_front_[ranks[i]];
    std::size_t held = 0;
    std::uint32_t wanted = 0;
    while (held < enough) held += in_front_[wanted++];
    return wanted;
}

/// The other methods see each distinct point once, in lexicographic order.
std::uint32_t non_dominated_sorter::rank_distinct(sort_method method, const objective_view& points,
                                                  std::span<std::uint32_t> ranks,
                                                  std::size_t enough) {
    gather_distinct(points);
    distinct_rank_.assign(multiplicity_.size(), unranked);
    front_counter counter(in_front_, enough);
    switch (method) {
        case sort_method::sweep3: sweep3(counter); break;
        case sort_method::reference: deb(counter, points.objectives()); break;
        default: bitset(counter, points.objectives());
    }
    const auto order = order_.indices();
    for (std::size_t i = 0; i < order.size(); ++i) ranks[order[i]] = distinct_rank_[run_[i]];
    return counter.fronts();
}

/// run_[i]: which distinct point is the i-th in order; columns_: the distinct points, column by column.
void non_dominated_sorter::gather_distinct(const objective_view& points) {
    const auto order = order_.indices();
    run_.resize(order.size());
    multiplicity_.clear();
    for (std::size_t i = 0; i < order.size(); ++i) {
        bool same = i > 0;
        for (std::size_t m = 0; same && m < points.objectives(); ++m) {
            same = points.at(order[i], m) == points.at(order[i - 1], m);
        }
        if (!same) multiplicity_.push_back(0);
        ++multiplicity_.back();
        run_[i] = static_cast<std::uint32_t>(multiplicity_.size() - 1);
    }
    columns_.resize(multiplicity_.size() * points.objectives());
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        const auto from = points.column(m);
        double* to = columns_.data() + m * multiplicity_.size();
        for (std::size_t i = 0; i < order.size(); ++i) to[run_[i]] = from[order[i]];
    }
}

std::span<const double> non_dominated_sorter::distinct(std::size_t objective) const noexcept {
    const std::size_t n = multiplicity_.size();
    return std::span(columns_).subspan(objective * n, n);
}

/// As sweep2, but what a front covers so far is a staircase in the second and third objective.
/// Precondition: three objectives.
void non_dominated_sorter::sweep3(front_counter& counter) {
    const std::size_t n = multiplicity_.size();
    const auto second = distinct(1);
    const auto third = distinct(2);
    std::size_t fronts = 0;
    const auto above = [](double value, const step& s) { return value < s.second; };
    for (std::size_t i = 0; i < n; ++i) {
        const auto covers = [&](const std::vector<step>& stairs) {
            const auto next = std::upper_bound(stairs.begin(), stairs.end(), second[i], above);
            return next != stairs.begin() && (next - 1)->third <= third[i];
        };
        std::size_t low = 0;
        std::size_t high = std::min<std::size_t>(fronts, counter.limit());
        if (high == counter.limit() && covers(stairs_[high - 1])) continue;
        while (low < high) {  // a front covers whatever a later front covers
            const std::size_t middle = low + (high - low) / 2;
            if (covers(stairs_[middle])) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == fronts) {
            if (++fronts > stairs_.size()) stairs_.emplace_back();
            stairs_[low].clear();
        }
        auto& stairs = stairs_[low];
        const auto from = std::lower_bound(
            stairs.begin(), stairs.end(), second[i],
            [](const step& s, double value) { return s.second < value; });
        const auto to = std::find_if(from, stairs.end(),
                                     [&](const step& s) { return s.third < third[i]; });
        if (from == to) {
            stairs.insert(from, {second[i], third[i]});
        } else {
            *from = {second[i], third[i]};
            stairs.erase(from + 1, to);
        }
        distinct_rank_[i] = static_cast<std::uint32_t>(low);
        counter.add(static_cast<std::uint32_t>(low), multiplicity_[i]);
    }
}

/// Bit j of row i says that point j is nowhere worse than point i. The first objective is the order of
/// the points, so only earlier points matter and only the other objectives are intersected. Rows are
/// made in blocks to bound the memory.
void non_dominated_sorter::bitset(front_counter& counter, std::size_t objectives) {
    const std::size_t n = multiplicity_.size();
    const std::size_t words = (n + word_bits - 1) / word_bits;
    const std::size_t block = std::max<std::size_t>(1, row_budget / std::max<std::size_t>(words, 1));
    running_.resize(words);
    word_rank_.assign(words, 0);  // one more than the largest rank among the word's points
    by_value_.resize(n * (objectives - 1));
    for (std::size_t m = 1; m < objectives; ++m) {
        std::ranges::copy(column_order_.sort({distinct(m), n, 1}), by_value_.begin() + (m - 1) * n);
    }
    for (std::size_t start = 0; start < n; start += block) {
        const std::size_t stop = std::min(n, start + block);
        const std::size_t used = (stop + word_bits - 1) / word_bits;
        rows_.assign((stop - start) * used, ~std::uint64_t{0});
        for (std::size_t m = 1; m < objectives; ++m) {
            const auto order = std::span(by_value_).subspan((m - 1) * n, n);
            const auto values = distinct(m);
            std::fill(running_.begin(), running_.end(), 0U);
            for (std::size_t i = 0; i < n;) {
                std::size_t tied = i;
                for (; tied < n && values[order[tied]] == values[order[i]]; ++tied) {
                    running_[order[tied] / word_bits] |= std::uint64_t{1} << (order[tied] % word_bits);
                }
                for (; i < tied; ++i) {
                    const std::size_t p = order[i];
                    if (p < start || p >= stop) continue;
                    std::uint64_t* row = rows_.data() + (p - start) * used;
                    for (std::size_t w = 0; w <= p / word_bits; ++w) row[w] &= running_[w];
                }
            }
        }
        for (std::size_t p = start; p < stop; ++p) {
            std::uint64_t* row = rows_.data() + (p - start) * used;
            const std::size_t last = p / word_bits;
            row[last] &= (std::uint64_t{1} << (p % word_bits)) - 1;  // neither itself nor later ones
            std::uint32_t best = 0;
            // Near points tend to have the largest ranks: looked at first, they spare the others.
            for (std::size_t w = last + 1; w-- > 0 && best < counter.limit();) {
                if (word_rank_[w] <= best) continue;
                for (std::uint64_t left = row[w]; left != 0;) {
                    const auto bit = word_bits - 1 - static_cast<std::size_t>(std::countl_zero(left));
                    left ^= std::uint64_t{1} << bit;
                    best = std::max(best, distinct_rank_[w * word_bits + bit] + 1);
                }
            }
            distinct_rank_[p] = std::min(best, counter.limit());
            word_rank_[last] = std::max(word_rank_[last], distinct_rank_[p] + 1);
            if (best < counter.limit()) counter.add(best, multiplicity_[p]);
        }
    }
}

void non_dominated_sorter::deb(front_counter& counter, std::size_t objectives) {
    const std::size_t n = multiplicity_.size();
    const objective_view points(columns_, n, objectives);
    std::vector<std::vector<std::uint32_t>> beaten(n);
    std::vector<std::uint32_t> dominators(n, 0), front, next;
    for (std::uint32_t a = 0; a < n; ++a) {
        for (std::uint32_t b = 0; b < n; ++b) {
            if (compare(points, a, b) != relation::dominates) continue;
            beaten[a].push_back(b);
            ++dominators[b];
        }
    }
    for (std::uint32_t i = 0; i < n; ++i) {
        if (dominators[i] == 0) front.push_back(i);
    }
    for (std::uint32_t rank = 0; !front.empty(); ++rank, front.swap(next)) {
        next.clear();
        for (const auto i : front) {
            distinct_rank_[i] = rank;
            for (const auto b : beaten[i]) {
                if (--dominators[b] == 0) next.push_back(b);
            }
        }
    }
    for (std::uint32_t rank = 0; rank < n && rank < counter.limit(); ++rank) {
        for (std::size_t i = 0; i < n; ++i) {
            if (distinct_rank_[i] == rank) counter.add(rank, multiplicity_[i]);
        }
    }
}

std::vector<std::vector<std::uint32_t>> fronts_of(std::span<const std::uint32_t> ranks) {
    std::vector<std::vector<std::uint32_t>> fronts;
    for (std::uint32_t i = 0; i < ranks.size(); ++i) {
        if (ranks[i] == unranked) continue;
        if (ranks[i] >= fronts.size()) fronts.resize(ranks[i] + 1);
        fronts[ranks[i]].push_back(i);
    }
    return fronts;
}

}  // namespace lathe
