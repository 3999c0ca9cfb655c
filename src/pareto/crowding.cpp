// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/crowding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {

/// By key, then position; the positions ascend at first. With two objectives a front that comes sorted
/// by one of them is sorted backwards by the other, and nothing need be compared twice.
void crowding::sort_by_key() {
    const auto below = [](const keyed& a, const keyed& b) { return a.key < b.key; };
    const auto above = [](const keyed& a, const keyed& b) { return a.key > b.key; };
    if (std::is_sorted(order_.begin(), order_.end(), below)) return;
    if (!std::is_sorted(order_.begin(), order_.end(), above)) {
        std::sort(order_.begin(), order_.end(), [](const keyed& a, const keyed& b) {
            return a.key < b.key || (a.key == b.key && a.position < b.position);
        });
        return;
    }
    std::reverse(order_.begin(), order_.end());
    for (auto run = order_.begin(); run != order_.end();) {
        const auto end = std::find_if(run, order_.end(),
                                      [&](const keyed& k) { return k.key != run->key; });
        std::reverse(run, end);
        run = end;
    }
}

void crowding::measure(const objective_view& points, std::span<const std::uint32_t> front,
                       std::span<double> distance) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    const std::size_t n = front.size();
    if (distance.size() != n) {
        throw error(errc::bad_input, "crowding",
                    fmt::format("room for {} distances of {} points", distance.size(), n),
                    "give one distance per point of the front");
    }
    std::fill(distance.begin(), distance.end(), n <= 2 ? infinite : 0.0);
    if (n <= 2) return;
    order_.resize(n);
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        const auto column = points.column(m);
        for (std::uint32_t k = 0; k < n; ++k) order_[k] = {column[front[k]], k};
        sort_by_key();
        const double range = order_.back().key - order_.front().key;
        if (!(range > 0.0)) continue;
        distance[order_.front().position] = infinite;
        distance[order_.back().position] = infinite;
        if (!std::isfinite(range)) continue;
        for (std::size_t k = 1; k + 1 < n; ++k) {
            distance[order_[k].position] += (order_[k + 1].key - order_[k - 1].key) / range;
        }
    }
}

}  // namespace lathe
