// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/hypervolume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// Points as rows of `width` numbers.
struct rows {
    std::size_t width = 0;
    std::vector<double> data{};

    [[nodiscard]] std::size_t size() const { return data.size() / width; }
    [[nodiscard]] const double* operator[](std::size_t i) const { return data.data() + i * width; }
    void push(const double* row) { data.insert(data.end(), row, row + width); }
};

/// Indices by ascending value of one column.
std::vector<std::size_t> order_by(const rows& points, std::size_t column) {
    std::vector<std::size_t> order(points.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return points[a][column] < points[b][column] ||
               (points[a][column] == points[b][column] && a < b);
    });
    return order;
}

/// The area dominated by points that arrive one by one, as a staircase: x ascending, y descending.
class staircase {
public:
    explicit staircase(const double* reference) : end_x_(reference[0]), top_(reference[1]) {}

    [[nodiscard]] double area() const { return area_; }

    void insert(double x, double y) {
        const auto first = std::lower_bound(steps_.begin(), steps_.end(), x,
                                            [](const step& s, double value) { return s.x < value; });
        double height = first == steps_.begin() ? top_ : (first - 1)->y;
        if (height <= y) return;
        if (first != steps_.end() && first->x == x && first->y <= y) return;
        double left = x;
        auto last = first;
        for (; last != steps_.end() && last->y >= y; ++last) {
            area_ += (last->x - left) * (height - y);
            left = last->x;
            height = last->y;
        }
        area_ += ((last == steps_.end() ? end_x_ : last->x) - left) * (height - y);
        if (first == last) {
            steps_.insert(first, {x, y});
        } else {
            *first = {x, y};
            steps_.erase(first + 1, last);
        }
    }

private:
    struct step {
        double x, y;
    };
    double end_x_, top_;
    double area_ = 0.0;
    std::vector<step> steps_;
};

double volume(const rows& points, const double* reference);

/// What `point` adds to `others`: its box without what the others cut out of it (While et al. 2012).
double exclusive(const rows& others, const double* point, const double* reference) {
    const std::size_t width = others.width;
    double box = 1.0;
    for (std::size_t m = 0; m < width; ++m) box *= reference[m] - point[m];
    rows cut{width};
    cut.data.reserve(others.data.size());
    for (std::size_t i = 0; i < others.size(); ++i) {
        for (std::size_t m = 0; m < width; ++m) {
            cut.data.push_back(std::max(others[i][m], point[m]));
        }
    }
    return box - volume(cut, reference);
}

bool covers(const double* a, const double* b, std::size_t width) {
    for (std::size_t m = 0; m < width; ++m) {
        if (a[m] > b[m]) return false;
    }
    return true;
}

/// Sweeps the last objective and keeps the volume of the slice.
double volume_by_slices(const rows& points, const double* reference) {
    const std::size_t last = points.width - 1;
    const auto order = order_by(points, last);
    rows slice{last};
    rows kept{last};
    double in_slice = 0.0;
    double total = 0.0;
    for (std::size_t k = 0; k < order.size(); ++k) {
        const double* p = points[order[k]];
        bool covered = false;
        for (std::size_t i = 0; i < slice.size() && !covered; ++i) covered = covers(slice[i], p, last);
        if (!covered) {
            in_slice += exclusive(slice, p, reference);
            kept.data.clear();
            for (std::size_t i = 0; i < slice.size(); ++i) {
                if (!covers(p, slice[i], last)) kept.push(slice[i]);
            }
            kept.push(p);
            std::swap(slice.data, kept.data);
        }
        const double next = k + 1 < order.size() ? points[order[k + 1]][last] : reference[last];
        total += in_slice * (next - p[last]);
    }
    return total;
}

/// Precondition: every point is below the reference in every objective.
double volume(const rows& points, const double* reference) {
    if (points.data.empty()) return 0.0;
    const std::size_t width = points.width;
    if (width > 3) return volume_by_slices(points, reference);
    if (width == 1) {
        return reference[0] - *std::min_element(points.data.begin(), points.data.end());
    }
    if (width == 2) {
        double total = 0.0;
        double top = reference[1];
        for (const auto i : order_by(points, 0)) {
            if (points[i][1] >= top) continue;
            total += (reference[0] - points[i][0]) * (top - points[i][1]);
            top = points[i][1];
        }
        return total;
    }
    const auto order = order_by(points, 2);
    staircase slice(reference);
    double total = 0.0;
    for (std::size_t k = 0; k < order.size(); ++k) {
        const double* p = points[order[k]];
        slice.insert(p[0], p[1]);
        const double next = k + 1 < order.size() ? points[order[k + 1]][2] : reference[2];
        total += slice.area() * (next - p[2]);
    }
    return total;
}

void check(std::size_t objectives, std::span<const double> reference) {
    const bool finite = std::all_of(reference.begin(), reference.end(),
                                    [](double x) { return std::isfinite(x); });
    if (objectives > 0 && reference.size() == objectives && finite) return;
    throw error(errc::bad_input, "hypervolume",
                fmt::format("the reference point ({}) does not fit {} objectives",
                            fmt::join(reference, ", "), objectives),
                "give one finite number per objective");
}

/// Does a point with these values count? `value(m)` is objective m.
template <class Value>
bool below(std::span<const double> reference, Value value) {
    for (std::size_t m = 0; m < reference.size(); ++m) {
        if (!(value(m) < reference[m])) return false;  // also for NaN
    }
    for (std::size_t m = 0; m < reference.size(); ++m) {
        if (value(m) == -std::numeric_limits<double>::infinity()) {
            throw error(errc::numeric, "hypervolume", fmt::format("objective {} is -infinity", m),
                        "give finite objectives, or one above the reference for a useless point");
        }
    }
    return true;
}

/// The rows that count, and whose they are.
rows counted(const objective_view& points, std::span<const double> reference,
             std::vector<std::size_t>* whose = nullptr) {
    check(points.objectives(), reference);
    rows kept{reference.size()};
    for (std::size_t i = 0; i < points.points(); ++i) {
        if (!below(reference, [&](std::size_t m) { return points.at(i, m); })) continue;
        for (std::size_t m = 0; m < reference.size(); ++m) kept.data.push_back(points.at(i, m));
        if (whose != nullptr) whose->push_back(i);
    }
    return kept;
}

/// By one sweep over x that knows the lowest and the second lowest point so far: between the two lies
/// what only the lowest dominates.
void contributions2(const rows& points, std::span<const double> reference,
                    std::span<const std::size_t> whose, std::vector<double>& result) {
    const auto order = order_by(points, 0);
    double lowest = reference[1];
    double second = reference[1];
    std::size_t owner = points.size();
    for (std::size_t k = 0; k < order.size(); ++k) {
        const double* p = points[order[k]];
        if (p[1] < lowest) {
            second = lowest;
            lowest = p[1];
            owner = order[k];
        } else if (p[1] < second) {
            second = p[1];
        }
        const double next = k + 1 < order.size() ? points[order[k + 1]][0] : reference[0];
        if (owner < points.size()) result[whose[owner]] += (next - p[0]) * (second - lowest);
    }
}

}  // namespace

double hypervolume(const objective_view& points, std::span<const double> reference) {
    return volume(counted(points, reference), reference.data());
}

double hypervolume_gain(const objective_view& points, std::span<const double> point,
                        std::span<const double> reference) {
    check(point.size(), reference);
    const rows others = counted(points, reference);
    if (!below(reference, [&](std::size_t m) { return point[m]; })) return 0.0;
    for (std::size_t i = 0; i < others.size(); ++i) {
        if (covers(others[i], point.data(), others.width)) return 0.0;
    }
    return exclusive(others, point.data(), reference.data());
}

std::vector<double> hypervolume_contributions(const objective_view& points,
                                              std::span<const double> reference) {
    std::vector<double> result(points.points(), 0.0);
    std::vector<std::size_t> whose;
    const rows all = counted(points, reference, &whose);
    if (all.width == 2) {
        contributions2(all, reference, whose, result);
        return result;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        rows others{all.width};
        bool covered = false;
        for (std::size_t j = 0; j < all.size() && !covered; ++j) {
            if (j == i) continue;
            covered = covers(all[j], all[i], all.width);
            others.push(all[j]);
        }
        if (!covered) result[whose[i]] = exclusive(others, all[i], reference.data());
    }
    return result;
}

}  // namespace lathe
