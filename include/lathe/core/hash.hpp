// SPDX-License-Identifier: Apache-2.0
// Hashes whose bits are part of file formats: the same on every platform and in every version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

using hash64 = std::uint64_t;

/// Finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every input bit.
[[nodiscard]] constexpr hash64 mix(hash64 x) noexcept {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/// Order-sensitive accumulator. Every add() is length- or type-delimited, so that ("ab","c") and
/// ("a","bc") differ.
class hasher {
public:
    constexpr hasher& add(std::uint64_t value) noexcept {
        state_ = mix(state_ ^ value);
        return *this;
    }
    hasher& add(std::string_view text) noexcept;
    hasher& add_bytes(std::span<const std::byte> bytes) noexcept;

    [[nodiscard]] constexpr hash64 value() const noexcept { return state_; }

private:
    hash64 state_ = 0x6c61746865ULL;
};

/// Sixteen lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(hash64 value);

}  // namespace lathe
