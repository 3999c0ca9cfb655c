// SPDX-License-Identifier: Apache-2.0
// The first step of every sort: points in lexicographic order, equal points merged into one.
#include <algorithm>
#include <cmath>

#include "lathe/pareto/non_dominated_sort.hpp"

namespace lathe {
namespace {

constexpr std::size_t small = 20;   // insertion sort wins below
constexpr int deepest = 6;          // of nested bucket passes before a comparison sort takes over

bool before(const objective_view& points, std::uint32_t a, std::uint32_t b, std::size_t column) {
    for (std::size_t m = column; m < points.objectives(); ++m) {
        const double x = points.at(a, m);
        const double y = points.at(b, m);
        if (x != y) return x < y;
    }
    return a < b;
}

}  // namespace

/// Distributes by value into as many buckets as points (one multiplication per point), again within
/// crowded buckets, and leaves the rest to insertion. Rounding is monotone, so the order is exact.
void non_dominated_sorter::sort_range(const objective_view& points, std::size_t first,
                                      std::size_t last, std::size_t column, int depth) {
    const auto less = [&](const keyed& a, const keyed& b) {
        if (a.key != b.key) return a.key < b.key;
        return before(points, a.index, b.index, column + 1);
    };
    const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(last);
    const std::size_t n = last - first;
    if (n > small) {
        double low = begin->key;
        double high = low;
        for (auto it = begin; it != end; ++it) {
            low = std::min(low, it->key);
            high = std::max(high, it->key);
        }
        if (low == high) {
            if (column + 1 == points.objectives()) return;  // equal points, already by index
            for (auto it = begin; it != end; ++it) it->key = points.at(it->index, column + 1);
            sort_range(points, first, last, column + 1, depth);
            for (auto it = begin; it != end; ++it) it->key = low;
            return;
        }
        const double scale = static_cast<double>(n - 1) / (high - low);
        if (depth == deepest || !std::isfinite(scale) || scale == 0.0) {
            std::sort(begin, end, less);
            return;
        }
        const auto bucket_of = [&](const keyed& k) {
            return std::min(static_cast<std::size_t>((k.key - low) * scale), n - 1);
        };
        const std::size_t base = bucket_.size();  // nested passes use the buffer behind this one
        bucket_.resize(base + n + 1);
        std::fill(bucket_.begin() + static_cast<std::ptrdiff_t>(base), bucket_.end(), 0U);
        for (auto it = begin; it != end; ++it) ++bucket_[base + bucket_of(*it) + 1];
        std::uint32_t crowded = 0;
        for (std::size_t b = 1; b <= n; ++b) {
            crowded = std::max(crowded, bucket_[base + b]);
            bucket_[base + b] += bucket_[base + b - 1];
        }
        std::copy(begin, end, spare_.begin() + static_cast<std::ptrdiff_t>(first));
        for (std::size_t i = first; i < last; ++i) {
            order_[first + bucket_[base + bucket_of(spare_[i])]++] = spare_[i];
        }
        if (crowded > small) {
            std::size_t from = first;
            for (std::size_t b = 0; b < n; ++b) {
                const std::size_t to = first + bucket_[base + b];  // now the end of bucket b
                if (to - from > small) sort_range(points, from, to, column, depth + 1);
                from = to;
            }
        }
        bucket_.resize(base);
    }
    for (auto it = begin; it != end; ++it) {
        const keyed moving = *it;
        auto hole = it;
        for (; hole != begin && less(moving, *(hole - 1)); --hole) *hole = *(hole - 1);
        *hole = moving;
    }
}

void non_dominated_sorter::sort_lexicographically(const objective_view& points) {
    order_.clear();
    const auto n = static_cast<std::uint32_t>(points.points());
    const auto first = points.column(0);
    for (std::uint32_t i = 0; i < n; ++i) {
        if (!points.has_nan(i)) order_.push_back({first[i], i});
    }
    spare_.resize(order_.size());
    bucket_.clear();
    sort_range(points, 0, order_.size(), 0, 0);
}

/// run_[i]: which distinct point order_[i] is; columns_: the distinct points, column by column.
void non_dominated_sorter::gather_distinct(const objective_view& points) {
    run_.resize(order_.size());
    multiplicity_.clear();
    for (std::size_t i = 0; i < order_.size(); ++i) {
        bool same = i > 0;
        for (std::size_t m = 0; same && m < points.objectives(); ++m) {
            same = points.at(order_[i].index, m) == points.at(order_[i - 1].index, m);
        }
        if (!same) multiplicity_.push_back(0);
        ++multiplicity_.back();
        run_[i] = static_cast<std::uint32_t>(multiplicity_.size() - 1);
    }
    columns_.resize(multiplicity_.size() * points.objectives());
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        const auto from = points.column(m);
        double* to = columns_.data() + m * multiplicity_.size();
        for (std::size_t i = 0; i < order_.size(); ++i) to[run_[i]] = from[order_[i].index];
    }
}

std::span<const double> non_dominated_sorter::distinct(std::size_t objective) const noexcept {
    const std::size_t n = multiplicity_.size();
    return std::span(columns_).subspan(objective * n, n);
}

}  // namespace lathe
