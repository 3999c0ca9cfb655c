// SPDX-License-Identifier: Apache-2.0
// Options out of range, complained about in one way.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "lathe/core/error.hpp"

namespace lathe::detail {

/// Throws bad_input unless low <= value <= high; a NaN is out of range.
template <class T>
void require_range(std::string_view optimizer, std::string_view option, T value, T low, T high) {
    if (value >= low && value <= high) return;
    throw error(errc::bad_input, fmt::format("{}.{}", optimizer, option),
                fmt::format("{} is out of range", value),
                fmt::format("give a value from {} to {}", low, high));
}

}  // namespace lathe::detail
