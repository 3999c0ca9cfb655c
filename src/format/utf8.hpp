// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lathe::detail {

/// Bytes of the character that `text` begins with, 0 where that is none: table 3-7 of the Unicode
/// standard, so neither overlong forms nor surrogates.
[[nodiscard]] inline std::size_t leading_character(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto within = [](unsigned char c, unsigned low, unsigned high) {
        return c >= low && c <= high;
    };
    if (text.empty()) return 0;
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = within(lead, 0xC2, 0xDF)   ? 2
                               : within(lead, 0xE0, 0xEF) ? 3
                               : within(lead, 0xF0, 0xF4) ? 4
                                                          : 0;
    if (length == 0 || text.size() < length) return 0;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (!within(byte(1), low, high)) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (!within(byte(i), 0x80, 0xBF)) return 0;
    }
    return length;
}

[[nodiscard]] inline bool valid_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = leading_character(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// The text with U+FFFD for each byte that belongs to no character: names of files may be any
/// bytes.
[[nodiscard]] inline std::string made_utf8(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = leading_character(text);
        out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace lathe::detail
