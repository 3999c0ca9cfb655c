// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/crowding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

}  // namespace

void crowding::measure(const objective_view& points, std::span<const std::uint32_t> front,
                       std::span<double> distance) {
    const std::size_t n = front.size();
    if (distance.size() != n) {
        throw error(errc::bad_input, "crowding",
                    fmt::format("room for {} distances of {} points", distance.size(), n),
                    "give one distance per point of the front");
    }
    std::fill(distance.begin(), distance.end(), n <= 2 ? infinite : 0.0);
    if (n <= 2 || measure_staircase(points, front, distance)) return;
    values_.resize(n);
    for (std::size_t m = 0; m < points.objectives(); ++m) {
        const auto column = points.column(m);
        for (std::size_t k = 0; k < n; ++k) values_[k] = column[front[k]];
        const auto order = order_.sort({values_, n, 1});
        const double range = values_[order.back()] - values_[order.front()];
        if (!(range > 0.0)) continue;
        distance[order.front()] = infinite;
        distance[order.back()] = infinite;
        if (!std::isfinite(range)) continue;
        for (std::size_t k = 1; k + 1 < order.size(); ++k) {
            distance[order[k]] += (values_[order[k + 1]] - values_[order[k - 1]]) / range;
        }
    }
}

/// Two objectives, the front in lexicographic order: then the second objective descends, equal values
/// belong to equal points, and neighbours in one objective are neighbours in the other. False if the
/// front does not come like this; the same sums as above if it does.
bool crowding::measure_staircase(const objective_view& points, std::span<const std::uint32_t> front,
                                 std::span<double> distance) {
    if (points.objectives() != 2) return false;
    const std::size_t n = front.size();
    const auto first = points.column(0);
    const auto second = points.column(1);
    values_.resize(2 * n);
    const auto x = std::span(values_).first(n);
    const auto y = std::span(values_).subspan(n);
    bool staircase = true;
    for (std::size_t k = 0; k < n; ++k) {
        x[k] = first[front[k]];
        y[k] = second[front[k]];
        if (k == 0) continue;
        staircase = staircase && ((x[k - 1] < x[k] && y[k - 1] > y[k]) ||
                                  (x[k - 1] == x[k] && y[k - 1] == y[k]));
    }
    if (!staircase) return false;
    const double width = x[n - 1] - x[0];
    const double height = y[0] - y[n - 1];
    if (std::isfinite(width) && width > 0.0) {
        for (std::size_t k = 1; k + 1 < n; ++k) distance[k] += (x[k + 1] - x[k - 1]) / width;
    }
    if (width > 0.0) distance[0] = distance[n - 1] = infinite;
    if (!(height > 0.0)) return true;
    const auto add = [&](std::size_t k, double gap) {
        if (std::isfinite(height)) distance[k] += gap / height;
    };
    // Upwards in the second objective each run of equal points still goes from the first to the last.
    for (std::size_t from = 0, to = 0; from < n; from = to + 1) {
        to = from;
        while (to + 1 < n && y[to + 1] == y[to]) ++to;
        if (to + 1 == n) {
            distance[from] = infinite;
        } else {
            add(from, (from == to && from > 0 ? y[from - 1] : y[from]) - y[to + 1]);
        }
        if (from == 0) {
            distance[to] = infinite;
        } else if (from < to) {
            add(to, y[from - 1] - y[to]);
        }
    }
    return true;
}

}  // namespace lathe
