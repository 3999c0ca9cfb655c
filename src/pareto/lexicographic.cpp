// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/lexicographic.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "pareto/sort_key.hpp"

namespace lathe {
namespace {

constexpr std::size_t small = 20;        // insertion sort wins up to here
constexpr unsigned most_digit_bits = 11; // counters of a pass stay in the first-level cache
constexpr unsigned index_bits = 32;
constexpr auto unplaced = std::numeric_limits<std::uint32_t>::max();

std::uint32_t index_of(std::uint64_t item) noexcept { return static_cast<std::uint32_t>(item); }
std::uint64_t sorted_by(std::uint64_t item) noexcept { return item >> index_bits; }

bool has_nan(std::span<const double> values) noexcept {
    unsigned found = 0;
    for (const double x : values) found |= x != x ? 1U : 0U;
    return found != 0;
}

bool before(const objective_view& points, std::uint32_t a, std::uint32_t b, std::size_t column) {
    for (std::size_t m = column; m < points.objectives(); ++m) {
        const double x = points.at(a, m);
        const double y = points.at(b, m);
        if (x != y) return x < y;
    }
    return false;
}

/// Precondition: there is a column, and at most `small` items.
void insertion_sort(const objective_view& points, std::span<std::uint64_t> items,
                    std::size_t column) {
    const auto values = points.column(column);
    std::uint64_t keys[small];
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::uint64_t moving = items[i];
        const std::uint64_t key = detail::sort_key(values[index_of(moving)]);
        const auto goes_before = [&](std::size_t k) {
            return key < keys[k] ||
                   (key == keys[k] && before(points, index_of(moving), index_of(items[k]), column + 1));
        };
        std::size_t hole = i;
        for (; hole > 0 && goes_before(hole - 1); --hole) {
            items[hole] = items[hole - 1];
            keys[hole] = keys[hole - 1];
        }
        items[hole] = moving;
        keys[hole] = key;
    }
}

/// Counts become the places where each digit begins.
void accumulate(std::span<std::uint32_t> count) noexcept {
    std::uint32_t sum = 0;
    for (auto& c : count) sum += std::exchange(c, sum);
}

}  // namespace

/// The bits of the keys that one call of distribute() sorts by: a high and perhaps a low digit.
struct lexicographic_order::window {
    unsigned shift = 0;  // of the keys
    unsigned low = 0;    // bits; 0: the high digit is all
    unsigned high = 0;   // bits; 0: the keys are equal
};

std::span<const std::uint32_t> lexicographic_order::sort(const objective_view& points) {
    const std::size_t n = points.points();
    items_.resize(n);
    std::iota(items_.begin(), items_.end(), std::uint64_t{0});
    bool incomplete = false;
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        incomplete = incomplete || has_nan(points.column(m));
    }
    if (incomplete) {
        std::erase_if(items_, [&](std::uint64_t item) { return points.has_nan(index_of(item)); });
    }
    keys_.resize(n);
    spare_.resize(n);
    if (points.objectives() > 0) sort_range(points, 0, items_.size(), 0);
    indices_.resize(items_.size());
    std::transform(items_.begin(), items_.end(), indices_.begin(), index_of);
    return indices_;
}

/// Precondition: in all columns before `column` the items are equal. Sorts by the leading bits in which
/// the keys of the column differ, and then what they leave together: by further bits, or by the next
/// column. Few items are left together by values that do not repeat.
void lexicographic_order::sort_range(const objective_view& points, std::size_t first,
                                     std::size_t last, std::size_t column) {
    const std::size_t n = last - first;
    const auto items = std::span(items_).subspan(first, n);
    if (n <= small) {
        insertion_sort(points, items, column);
        return;
    }
    const auto values = points.column(column);
    distribute(leading_bits(values, items), items);
    std::size_t tied = 0;  // with the item before
    unsigned unequal = 0;  // some that tie
    for (std::size_t i = 1; i < n; ++i) {
        const bool tie = sorted_by(items[i]) == sorted_by(items[i - 1]);
        tied += tie ? 1U : 0U;
        const bool same = values[index_of(items[i])] == values[index_of(items[i - 1])];
        unequal |= (tie ? 1U : 0U) & (same ? 0U : 1U);
    }
    const std::size_t next = unequal == 0 ? column + 1 : column;
    if (tied == 0 || next == points.objectives()) return;
    if (unequal == 0 && 4 * tied > n) {
        sort_ties(points, first, last, next);
    } else {
        sort_runs(points, first, last, next);
    }
}

/// Sorts the items with equal bits, run by run.
void lexicographic_order::sort_runs(const objective_view& points, std::size_t first,
                                    std::size_t last, std::size_t column) {
    for (std::size_t from = first; from < last;) {
        std::size_t to = from + 1;
        while (to < last && sorted_by(items_[to]) == sorted_by(items_[from])) ++to;
        if (to - from > 1) sort_range(points, from, to, column);
        from = to;
    }
}

/// The same for many runs, in one go: all by the leading bits of the column, then each back to its run.
/// Precondition: items with equal bits are equal in all columns before this one.
void lexicographic_order::sort_ties(const objective_view& points, std::size_t first,
                                    std::size_t last, std::size_t column) {
    const std::size_t n = last - first;
    const auto items = std::span(items_).subspan(first, n);
    run_.resize(points.points());
    place_.assign(n, unplaced);
    std::uint32_t run = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        run += sorted_by(items[i]) != sorted_by(items[i - (i > 0 ? 1U : 0U)]) ? 1U : 0U;
        run_[index_of(items[i])] = run;
        place_[run] = std::min(place_[run], i);
    }
    const auto values = points.column(column);
    distribute(leading_bits(values, items), items);
    for (const std::uint64_t item : items) spare_[place_[run_[index_of(item)]]++] = item;
    const auto together = [&](std::uint64_t a, std::uint64_t b) {
        // Bits, not conditions: a branch here is a coin flip.
        return ((sorted_by(a) ^ sorted_by(b)) | (run_[index_of(a)] ^ run_[index_of(b)])) == 0;
    };
    std::uint64_t group = 0;
    unsigned unequal = 0;
    items[0] = index_of(spare_[0]);
    for (std::size_t i = 1; i < n; ++i) {
        const bool tie = together(spare_[i], spare_[i - 1]);
        group += tie ? 0U : 1U;
        const bool same = values[index_of(spare_[i])] == values[index_of(spare_[i - 1])];
        unequal |= (tie ? 1U : 0U) & (same ? 0U : 1U);
        items[i] = group << index_bits | index_of(spare_[i]);
    }
    const std::size_t next = unequal == 0 ? column + 1 : column;
    if (next < points.objectives()) sort_runs(points, first, last, next);
}

/// Writes the keys of the items, too.
lexicographic_order::window lexicographic_order::leading_bits(
    std::span<const double> values, std::span<const std::uint64_t> items) {
    std::uint64_t every = ~std::uint64_t{0};
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::uint64_t key = detail::sort_key(values[index_of(items[i])]);
        keys_[i] = key;
        every &= key;
        any |= key;
    }
    const std::uint64_t varying = every ^ any;
    if (varying == 0) return {};
    const auto digit = std::min(static_cast<unsigned>(std::bit_width(items.size())), most_digit_bits);
    const auto top = static_cast<unsigned>(std::bit_width(varying));
    const unsigned all = top - static_cast<unsigned>(std::countr_zero(varying));
    const unsigned taken = std::min(all, 2 * digit);
    const unsigned low = taken > digit ? taken / 2 : 0;
    return {top - taken, low, taken - low};
}

/// Least significant digit first, so that each pass keeps the order of the one before.
void lexicographic_order::distribute(window bits, std::span<std::uint64_t> items) {
    if (bits.high == 0) {
        std::transform(items.begin(), items.end(), items.begin(), index_of);
        return;
    }
    const std::size_t n = items.size();
    const std::size_t lows = std::size_t{1} << bits.low;
    count_.assign(lows + (std::size_t{1} << bits.high), 0);
    // In locals: the compiler cannot know that writing counters leaves what members point to alone.
    std::uint32_t* const low = count_.data();
    std::uint32_t* const high = low + lows;
    const std::uint64_t* const keys = keys_.data();
    std::uint64_t* const spare = spare_.data();
    const std::uint64_t low_digit = lows - 1;
    const std::uint64_t both_digits = (lows << bits.high) - 1;
    if (bits.low == 0) {
        for (std::size_t i = 0; i < n; ++i) ++high[keys[i] >> bits.shift & both_digits];
        accumulate({high, std::size_t{1} << bits.high});
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t by = keys[i] >> bits.shift & both_digits;
            spare[high[by]++] = by << index_bits | index_of(items[i]);
        }
        std::copy_n(spare, n, items.begin());
        return;
    }
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t by = keys[i] >> bits.shift & both_digits;
        ++low[by & low_digit];
        ++high[by >> bits.low];
    }
    accumulate({low, lows});
    accumulate({high, std::size_t{1} << bits.high});
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t by = keys[i] >> bits.shift & both_digits;
        spare[low[by & low_digit]++] = by << index_bits | index_of(items[i]);
    }
    const unsigned above = index_bits + bits.low;
    for (std::size_t i = 0; i < n; ++i) items[high[spare[i] >> above]++] = spare[i];
}

}  // namespace lathe
