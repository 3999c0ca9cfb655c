// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/non_dominated_sort.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "lathe/core/error.hpp"
#include "pareto/front_counter.hpp"

namespace lathe {
namespace {

constexpr std::size_t word_bits = 64;
constexpr std::size_t row_budget = std::size_t{1} << 20;  // words of bit sets held at a time (8 MiB)
constexpr std::size_t bitset_up_to = 300;                 // points of 3 objectives

/// Number of values <= x in an ascending array, without branches.
std::size_t count_up_to(const double* values, std::size_t n, double x) noexcept {
    const double* base = values;
    while (n > 1) {
        const std::size_t half = n / 2;
        base += base[half - 1] <= x ? half : 0;
        n -= half;
    }
    return static_cast<std::size_t>(base - values) + (n == 1 && *base <= x ? 1U : 0U);
}

sort_method choose(std::size_t points, std::size_t objectives) {
    if (objectives <= 2) return sort_method::sweep2;
    if (objectives == 3 && points > bitset_up_to) return sort_method::sweep3;
    return sort_method::bitset;
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
    sort_lexicographically(points);
    gather_distinct(points);
    const std::size_t n = multiplicity_.size();
    const std::size_t m = points.objectives();
    distinct_rank_.assign(n, unranked);
    front_counter counter(in_front_, enough);
    switch (method_ == sort_method::automatic ? choose(n, m) : method_) {
        case sort_method::sweep2: sweep2(counter); break;
        case sort_method::sweep3: sweep3(counter); break;
        case sort_method::reference:
            deb(m);
            for (std::uint32_t front = 0; front < n && front < counter.limit(); ++front) {
                for (std::size_t i = 0; i < n; ++i) {
                    if (distinct_rank_[i] == front) counter.add(front, multiplicity_[i]);
                }
            }
            break;
        default: bitset(counter, m);
    }
    std::fill(ranks.begin(), ranks.end(), unranked);
    const std::uint32_t fronts = counter.fronts();
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::uint32_t r = distinct_rank_[run_[i]];
        if (r < fronts) ranks[order_[i].index] = r;
    }
    return fronts;
}

/// The smallest second objective of each front so far ascends with the rank, and no later point can
/// beat an earlier one in the first objective: a point belongs to the first front whose smallest
/// second objective is above its own.
void non_dominated_sorter::sweep2(front_counter& counter) {
    const std::size_t n = multiplicity_.size();
    const bool single = columns_.size() == n;
    const auto second = distinct(single ? 0 : 1);
    tails_.clear();
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t known = std::min<std::size_t>(tails_.size(), counter.limit());
        if (known == counter.limit() && tails_[known - 1] <= second[i]) continue;
        const std::size_t r = count_up_to(tails_.data(), known, second[i]);
        if (r == tails_.size()) tails_.push_back(0.0);
        tails_[r] = second[i];
        distinct_rank_[i] = static_cast<std::uint32_t>(r);
        counter.add(static_cast<std::uint32_t>(r), multiplicity_[i]);
    }
}

/// As sweep2, but what a front covers so far is a staircase in the second and third objective.
void non_dominated_sorter::sweep3(front_counter& counter) {
    const std::size_t n = multiplicity_.size();
    const std::size_t m = columns_.size() / std::max<std::size_t>(n, 1);
    if (m < 3) {
        sweep2(counter);
        return;
    }
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
        const auto order = std::span(by_value_).subspan((m - 1) * n, n);
        std::iota(order.begin(), order.end(), 0U);
        const auto values = distinct(m);
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return values[a] < values[b] || (values[a] == values[b] && a < b);
        });
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

void non_dominated_sorter::deb(std::size_t objectives) {
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
