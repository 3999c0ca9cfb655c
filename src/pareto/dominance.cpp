// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/dominance.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

template <class Left, class Right>
relation compare_by(std::size_t objectives, Left left, Right right) noexcept {
    bool better = false;
    bool worse = false;
    for (std::size_t m = 0; m < objectives; ++m) {
        const double a = left(m);
        const double b = right(m);
        if (std::isnan(a) || std::isnan(b)) return relation::incomparable;
        better = better || a < b;
        worse = worse || a > b;
    }
    if (better && worse) return relation::incomparable;
    if (better) return relation::dominates;
    return worse ? relation::dominated : relation::equal;
}

}  // namespace

objective_view::objective_view(std::span<const double> data, std::size_t points,
                               std::size_t objectives)
    : data_(data), points_(points), objectives_(objectives) {
    if (data.size() != points * objectives) {
        throw error(errc::bad_input, "objective_view",
                    fmt::format("{} values for {} points of {} objectives", data.size(), points,
                                objectives),
                    "give one value per point and objective, column by column");
    }
}

bool objective_view::has_nan(std::size_t point) const noexcept {
    for (std::size_t m = 0; m < objectives_; ++m) {
        if (std::isnan(at(point, m))) return true;
    }
    return false;
}

relation compare(std::span<const double> a, std::span<const double> b) noexcept {
    return compare_by(
        a.size(), [&](std::size_t m) { return a[m]; }, [&](std::size_t m) { return b[m]; });
}

relation compare(const objective_view& points, std::size_t a, std::size_t b) noexcept {
    return compare_by(
        points.objectives(), [&](std::size_t m) { return points.at(a, m); },
        [&](std::size_t m) { return points.at(b, m); });
}

}  // namespace lathe
