// SPDX-License-Identifier: Apache-2.0
// What a running search tells: people on a terminal, log files, programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/format/json.hpp"

namespace lathe::cli {

enum class progress_style : std::uint8_t {
    terminal,  ///< one line that is written over
    lines,     ///< a plain line now and then
    json       ///< one JSON object a line
};

class progress {
public:
    progress(std::ostream& out, progress_style style) : out_(&out), style_(style) {}

    /// A part of the work begins.
    void begin(std::string_view phase);
    /// `share` of the phase, 0 to 1, is done. Calls that come too often are not shown.
    void update(double share, std::string_view detail, std::optional<double> seconds_left);
    /// The phase is over.
    void end(std::string_view detail);
    /// What is written next begins on a line of its own, wherever the phase is.
    void leave_line();
    /// A JSON object for programs; people do not see it.
    void event(const json_object& object);
    [[nodiscard]] progress_style style() const noexcept { return style_; }

private:
    void show(double share, std::string_view detail, std::optional<double> seconds_left);

    std::ostream* out_;
    progress_style style_;
    std::string phase_;
    std::chrono::steady_clock::time_point shown_;
    std::size_t line_width_ = 0;
};

/// The beginning of the text that fits into `columns`; whole characters of UTF-8, one column each.
[[nodiscard]] std::string_view fitting(std::string_view text, std::size_t columns);
/// "45 s", "12 min", "3.2 h".
[[nodiscard]] std::string duration_text(double seconds);
/// What is left at the pace so far; nothing before there is a pace.
[[nodiscard]] std::optional<double> seconds_left(double elapsed, double share);

}  // namespace lathe::cli
