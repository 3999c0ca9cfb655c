// SPDX-License-Identifier: Apache-2.0
// Text for HTML and pictures for reports.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/core/metric.hpp"

namespace lathe::detail {

/// Text between tags and inside quoted attributes; control characters become spaces.
[[nodiscard]] std::string escape(std::string_view text);

/// How a quantity is written on an axis: number = value * factor, with the unit.
struct display_unit {
    double factor = 1.0;
    std::string unit;
};
/// The unit in which `largest` has one to three digits before the point.
[[nodiscard]] display_unit unit_for(quantity of, double largest);

/// One dimension of a chart, in display units.
struct chart_axis {
    std::string title;
    double low = 0.0;
    double high = 1.0;
};
/// Covers all values with some room; from zero if `from_zero`. Never empty.
[[nodiscard]] chart_axis axis_over(std::string title, std::span<const double> values,
                                   bool from_zero);
/// Round numbers within the axis, about `count` of them.
[[nodiscard]] std::vector<double> ticks(const chart_axis& axis, int count);

/// Draws in data coordinates inside a frame with ticks and titles.
class chart {
public:
    chart(chart_axis x, chart_axis y, int height = 420, std::string description = {});

    /// `tooltip` is shown by browsers on hover; `css` names a class of the style sheet.
    void dot(double x, double y, double radius, std::string_view css, std::string_view tooltip);
    void line(double x1, double y1, double x2, double y2, std::string_view css);
    void path(std::span<const double> x, std::span<const double> y, std::string_view css);
    void box(double x1, double y1, double x2, double y2, std::string_view css,
             std::string_view tooltip);
    void label(double x, double y, std::string_view css, std::string_view text);

    [[nodiscard]] std::string str() const;

private:
    [[nodiscard]] double px(double x) const noexcept;
    [[nodiscard]] double py(double y) const noexcept;
    [[nodiscard]] std::string frame() const;

    chart_axis x_;
    chart_axis y_;
    int height_;
    std::string description_;
    std::string body_;
};

}  // namespace lathe::detail
