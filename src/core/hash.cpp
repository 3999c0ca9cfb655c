// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/hash.hpp"

#include <algorithm>

namespace lathe {

hasher& hasher::add_bytes(std::span<const std::byte> bytes) noexcept {
    add(std::uint64_t{bytes.size()});
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t word = 0;
        const std::size_t n = std::min<std::size_t>(8, bytes.size() - i);
        for (std::size_t k = 0; k < n; ++k) {
            word |= std::to_integer<std::uint64_t>(bytes[i + k]) << (8 * k);
        }
        add(word);
    }
    return *this;
}

hasher& hasher::add(std::string_view text) noexcept {
    return add_bytes(std::as_bytes(std::span(text.data(), text.size())));
}

std::string to_hex(hash64 value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    for (int i = 15; i >= 0; --i, value >>= 4) text[static_cast<std::size_t>(i)] = digits[value & 15];
    return text;
}

}  // namespace lathe
