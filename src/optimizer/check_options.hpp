// SPDX-License-Identifier: Apache-2.0
// Options: out of range, complained about in one way; and what tells a state of other options.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string_view>

#include "lathe/core/error.hpp"
#include "lathe/core/hash.hpp"

namespace lathe::detail {

inline std::uint64_t bits_of(std::uint64_t value) { return value; }
inline std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

/// Throws bad_input unless low <= value <= high; a NaN is out of range.
template <class T>
void require_range(std::string_view optimizer, std::string_view option, T value, T low, T high) {
    if (value >= low && value <= high) return;
    throw error(errc::bad_input, fmt::format("{}.{}", optimizer, option),
                fmt::format("{} is out of range", value),
                fmt::format("give a value from {} to {}", low, high));
}

/// Changes with any of the options.
template <class... T>
[[nodiscard]] hash64 fingerprint_of_options(T... options) {
    hasher h;
    (h.add(bits_of(options)), ...);
    return h.value();
}

}  // namespace lathe::detail
