// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/indicators.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

void check(const objective_view& front, const objective_view& reference) {
    bool sound = reference.points() > 0 && reference.objectives() == front.objectives();
    for (std::size_t m = 0; sound && m < reference.objectives(); ++m) {
        const auto column = reference.column(m);
        sound = std::all_of(column.begin(), column.end(), [](double x) { return std::isfinite(x); });
    }
    if (sound) return;
    throw error(errc::bad_input, "indicator",
                fmt::format("{} reference points of {} objectives do not fit a front of {}",
                            reference.points(), reference.objectives(), front.objectives()),
                "give at least one reference point of finite numbers, as many as the front has");
}

/// For each reference point the least distance(point, reference point) over the front, given to `take`.
template <class Distance, class Take>
void for_nearest(const objective_view& front, const objective_view& reference, Distance distance,
                 Take take) {
    check(front, reference);
    for (std::size_t r = 0; r < reference.points(); ++r) {
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < front.points(); ++i) {
            if (!front.has_nan(i)) nearest = std::min(nearest, distance(i, r));
        }
        take(nearest);
    }
}

template <class Gap>
double mean_distance(const objective_view& front, const objective_view& reference, Gap gap) {
    double sum = 0.0;
    for_nearest(
        front, reference,
        [&](std::size_t i, std::size_t r) {
            double squares = 0.0;
            for (std::size_t m = 0; m < front.objectives(); ++m) {
                const double d = gap(front.at(i, m) - reference.at(r, m));
                squares += d * d;
            }
            return std::sqrt(squares);
        },
        [&](double nearest) { sum += nearest; });
    return sum / static_cast<double>(reference.points());
}

template <class Excess>
double worst_excess(const objective_view& front, const objective_view& reference, Excess excess) {
    constexpr double lowest = -std::numeric_limits<double>::infinity();
    double worst = lowest;
    for_nearest(
        front, reference,
        [&](std::size_t i, std::size_t r) {
            double most = lowest;
            for (std::size_t m = 0; m < front.objectives(); ++m) {
                most = std::max(most, excess(front.at(i, m), reference.at(r, m)));
            }
            return most;
        },
        [&](double nearest) { worst = std::max(worst, nearest); });
    return worst;
}

}  // namespace

double igd(const objective_view& front, const objective_view& reference) {
    return mean_distance(front, reference, [](double d) { return d; });
}

double igd_plus(const objective_view& front, const objective_view& reference) {
    return mean_distance(front, reference, [](double d) { return std::max(d, 0.0); });
}

double additive_epsilon(const objective_view& front, const objective_view& reference) {
    return worst_excess(front, reference, [](double f, double r) { return f - r; });
}

double multiplicative_epsilon(const objective_view& front, const objective_view& reference) {
    return worst_excess(front, reference, [](double f, double r) {
        if (f <= 0.0 || r <= 0.0) {
            throw error(errc::bad_input, "multiplicative_epsilon",
                        fmt::format("the objectives {} and {} have no ratio", f, r),
                        "shift the objectives above 0, or use additive_epsilon");
        }
        return f / r;
    });
}

}  // namespace lathe
