// SPDX-License-Identifier: Apache-2.0
// Doubles as integers of the same order, which sort and compare faster.
#pragma once

#include <bit>
#include <cstdint>

namespace lathe::detail {

/// Both zeros are one. Precondition: not a NaN.
[[nodiscard]] inline std::uint64_t sort_key(double x) noexcept {
    constexpr std::uint64_t sign = std::uint64_t{1} << 63;
    std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    bits = bits == sign ? 0 : bits;
    return bits ^ ((0 - (bits >> 63)) | sign);
}

}  // namespace lathe::detail
