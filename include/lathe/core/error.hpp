// SPDX-License-Identifier: Apache-2.0
// The one exception type of the library: what kind, where, what was wrong, what to do about it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace lathe {

enum class errc {
    bad_input,       ///< a value from the caller or from a file is not acceptable
    shape,           ///< shapes of a network do not fit together
    unsupported,     ///< legal, but this version or this CPU cannot do it
    not_calibrated,  ///< a network is judged before its statistics were measured
    infeasible,      ///< no member keeps the limits
    numeric,         ///< NaN or infinity where a number is needed
    io,              ///< a file, a folder or another process could not be read, written or reached
    internal         ///< a broken invariant of the library itself
};

[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// `place` names the file, key, layer or function; `problem` names the value; `remedy` says what to
/// do and may be empty. what() is "place: problem; remedy".
class error : public std::runtime_error {
public:
    error(errc code, std::string place, std::string problem, std::string remedy = {});

    [[nodiscard]] errc code() const noexcept { return code_; }
    [[nodiscard]] const std::string& place() const noexcept { return place_; }
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
    [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

private:
    errc code_;
    std::string place_;
    std::string problem_;
    std::string remedy_;
};

}  // namespace lathe
