// SPDX-License-Identifier: Apache-2.0
// Brain floating point: the upper half of a float32, as oneDNN's bf16. Feature maps may be stored in
// it; every kernel computes in float32. Rounding is to nearest, ties to even; where the CPU has its own
// conversion, kernels take it, and it makes subnormal numbers zero.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace lathe::kernels {

struct bf16 {
    std::uint16_t bits = 0;
};

[[nodiscard]] inline float to_float(float x) noexcept { return x; }
[[nodiscard]] inline float to_float(bf16 x) noexcept {
    return std::bit_cast<float>(std::uint32_t{x.bits} << 16);
}

/// Nearest, ties to even; NaN stays NaN.
[[nodiscard]] inline bf16 to_bf16(float x) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16) & 1U);
    const std::uint32_t quiet = bits | 0x400000U;
    const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    return {static_cast<std::uint16_t>((is_nan ? quiet : rounded) >> 16)};
}

template <class T>
[[nodiscard]] T stored_as(float x) noexcept {
    if constexpr (std::is_same_v<T, bf16>) {
        return to_bf16(x);
    } else {
        return x;
    }
}

}  // namespace lathe::kernels
