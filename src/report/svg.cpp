// SPDX-License-Identifier: Apache-2.0
#include "report/svg.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace lathe::detail {
namespace {

constexpr int width = 880;
constexpr int left = 72;
constexpr int right = 20;
constexpr int top = 14;
constexpr int bottom = 52;

std::string title_of(std::string_view tooltip) {
    return tooltip.empty() ? "" : fmt::format("<title>{}</title>", escape(tooltip));
}

struct step_unit {
    double size;
    const char* name;
};

display_unit largest_fitting(double largest, std::span<const step_unit> units) {
    const step_unit* best = &units[0];
    for (const step_unit& u : units) {
        if (largest >= u.size) best = &u;
    }
    return {1.0 / best->size, best->name};
}

}  // namespace

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

display_unit unit_for(quantity of, double largest) {
    static constexpr step_unit times[] = {{1.0, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
    static constexpr step_unit sizes[] = {
        {1.0, "B"}, {1024.0, "KiB"}, {1048576.0, "MiB"}, {1073741824.0, "GiB"}};
    static constexpr step_unit counts[] = {{1.0, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}};
    static constexpr step_unit energies[] = {{1e-9, "nJ"}, {1e-6, "uJ"}, {1e-3, "mJ"}, {1.0, "J"}};
    switch (of) {
        case quantity::accuracy:
            return {100.0, "%"};
        case quantity::loss:
            return {1.0, ""};
        case quantity::latency:
            return largest_fitting(largest, times);
        case quantity::peak_memory:
        case quantity::arena_memory:
        case quantity::weight_memory:
            return largest_fitting(largest, sizes);
        case quantity::macs:
        case quantity::parameters:
            return largest_fitting(largest, counts);
        case quantity::energy:
            return largest_fitting(largest, energies);
    }
    return {};
}

chart_axis axis_over(std::string title, std::span<const double> values, bool from_zero) {
    double low = from_zero ? 0.0 : HUGE_VAL;
    double high = from_zero ? 0.0 : -HUGE_VAL;
    for (const double v : values) {
        if (!std::isfinite(v)) continue;
        low = std::min(low, v);
        high = std::max(high, v);
    }
    if (!(low <= high)) return {std::move(title), 0.0, 1.0};
    double room = 0.05 * (high - low);
    // Of values that differ by rounding alone, steps between ticks would be lost in the next
    // rounding.
    const bool equal = high - low <= 1e-9 * std::max(std::abs(low), std::abs(high));
    if (equal) room = std::max(0.5 * std::abs(high), 0.5);
    return {std::move(title), from_zero ? 0.0 : low - room, high + room};
}

std::vector<double> ticks(const chart_axis& axis, int count) {
    const double raw = (axis.high - axis.low) / count;
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    double step = 10.0 * power;
    for (const double m : {1.0, 2.0, 5.0}) {
        if (raw <= m * power) {
            step = m * power;
            break;
        }
    }
    std::vector<double> list;
    for (double k = std::ceil(axis.low / step); k * step <= axis.high; k += 1.0) {
        list.push_back(k * step);
    }
    return list;
}

chart::chart(chart_axis x, chart_axis y, int height, std::string description)
    : x_(std::move(x)), y_(std::move(y)), height_(height), description_(std::move(description)) {}

double chart::px(double x) const noexcept {
    return left + (x - x_.low) / (x_.high - x_.low) * (width - left - right);
}
double chart::py(double y) const noexcept {
    return height_ - bottom - (y - y_.low) / (y_.high - y_.low) * (height_ - top - bottom);
}

void chart::dot(double x, double y, double radius, std::string_view css, std::string_view tooltip) {
    body_ += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}">{}</circle>)",
                         css, px(x), py(y), radius, title_of(tooltip));
}

void chart::line(double x1, double y1, double x2, double y2, std::string_view css) {
    body_ += fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)",
                         css, px(x1), py(y1), px(x2), py(y2));
}

void chart::path(std::span<const double> x, std::span<const double> y, std::string_view css) {
    std::string points;
    for (std::size_t i = 0; i < x.size(); ++i) {
        points += fmt::format("{}{:.1f},{:.1f}", i == 0 ? "" : " ", px(x[i]), py(y[i]));
    }
    body_ += fmt::format(R"(<polyline class="{}" points="{}"/>)", css, points);
}

void chart::box(double x1, double y1, double x2, double y2, std::string_view css,
                std::string_view tooltip) {
    body_ += fmt::format(
        R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>)", css,
        px(x1), py(y2), std::max(px(x2) - px(x1), 0.5), std::max(py(y1) - py(y2), 0.5),
        title_of(tooltip));
}

void chart::label(double x, double y, std::string_view css, std::string_view text) {
    // A label near the right end is written to the left of its point.
    const bool flip = px(x) > 0.75 * width;
    body_ +=
        fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", css,
                    px(x) + (flip ? -9 : 9), py(y) - 9, flip ? "end" : "start", escape(text));
}

std::string chart::frame() const {
    std::string out;
    const int floor = height_ - bottom;
    for (const double t : ticks(y_, 6)) {
        out += fmt::format(R"(<line class="grid" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>)", left,
                           py(t), width - right, py(t));
        out +=
            fmt::format(R"(<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:.6g}</text>)",
                        left - 8, py(t) + 4, std::abs(t) < 1e-12 ? 0.0 : t);
    }
    for (const double t : ticks(x_, 8)) {
        out += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>)",
                           px(t), top, floor);
        out += fmt::format(
            R"(<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{:.6g}</text>)", px(t),
            floor + 18, std::abs(t) < 1e-12 ? 0.0 : t);
    }
    out += fmt::format(R"(<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>)",
                       (left + width - right) / 2, height_ - 10, escape(x_.title));
    out += fmt::format(
        R"svg(<text class="axis" transform="translate(16 {}) rotate(-90)" text-anchor="middle">{}</text>)svg",
        (top + floor) / 2, escape(y_.title));
    return out;
}

std::string chart::str() const {
    return fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>)", width,
                       height_, escape(description_), frame(), body_);
}

}  // namespace lathe::detail
