// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "format/utf8.hpp"

namespace lathe::cli {
namespace {

std::chrono::duration<double> interval_of(progress_style style) {
    switch (style) {
        case progress_style::terminal:
            return std::chrono::duration<double>(0.2);
        case progress_style::lines:
            return std::chrono::duration<double>(10.0);
        case progress_style::json:
            return std::chrono::duration<double>(1.0);
    }
    return {};
}

/// One less than the terminal has, whose cursor would go on to the next line.
std::size_t columns_of_terminal() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return 79;
    return size.ws_col - 1U;
}

}  // namespace

std::string_view fitting(std::string_view text, std::size_t columns) {
    std::size_t bytes = 0;
    for (; columns > 0 && bytes < text.size(); --columns) {
        bytes += std::max<std::size_t>(1, detail::leading_character(text.substr(bytes)));
    }
    return text.substr(0, bytes);
}

std::string duration_text(double seconds) {
    if (seconds < 100.0) return fmt::format("{:.0f} s", seconds);
    if (seconds < 100.0 * 60.0) return fmt::format("{:.0f} min", seconds / 60.0);
    return fmt::format("{:.1f} h", seconds / 3600.0);
}

std::optional<double> seconds_left(double elapsed, double share) {
    if (!(share > 0.0) || !std::isfinite(elapsed)) return std::nullopt;
    return elapsed * (1.0 - std::min(share, 1.0)) / share;
}

void progress::begin(std::string_view phase) {
    phase_ = phase;
    shown_ = std::chrono::steady_clock::now();
    show(0.0, "begins", std::nullopt);
}

void progress::update(double share, std::string_view detail, std::optional<double> left) {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < interval_of(style_)) return;
    shown_ = now;
    show(share, detail, left);
}

void progress::end(std::string_view detail) {
    show(1.0, detail, std::nullopt);
    leave_line();
}

void progress::leave_line() {
    if (line_width_ > 0) *out_ << '\n' << std::flush;
    line_width_ = 0;
}

void progress::event(const json_object& object) {
    if (style_ == progress_style::json) *out_ << to_json(object) << '\n' << std::flush;
}

void progress::show(double share, std::string_view detail, std::optional<double> left) {
    if (style_ == progress_style::json) {
        json_object o{{"event", "progress"},
                      {"phase", phase_},
                      {"share", share},
                      {"detail", detail::made_utf8(detail)}};
        if (left) o.append("seconds_left", *left);
        event(o);
        return;
    }
    std::string line = fmt::format("{:<12} {:3.0f} %  {}", phase_, 100.0 * share, detail);
    if (left) line += fmt::format("  ({} left)", duration_text(*left));
    if (style_ == progress_style::lines) {
        *out_ << line << '\n' << std::flush;
        return;
    }
    line.resize(fitting(line, columns_of_terminal()).size());
    const std::size_t width = line.size();
    if (width < line_width_) line.append(line_width_ - width, ' ');
    line_width_ = width;
    *out_ << '\r' << line << std::flush;
}

}  // namespace lathe::cli
