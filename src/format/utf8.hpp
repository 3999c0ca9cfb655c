// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lathe::detail {

/// Well-formed UTF-8 as in table 3-7 of the Unicode standard: no overlong forms, no surrogates.
[[nodiscard]] inline bool valid_utf8(std::string_view text) noexcept {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    const auto within = [](unsigned char c, unsigned low, unsigned high) {
        return c >= low && c <= high;
    };
    while (p < end) {
        const unsigned char lead = *p++;
        if (lead < 0x80) continue;
        const int following = within(lead, 0xC2, 0xDF)   ? 1
                              : within(lead, 0xE0, 0xEF) ? 2
                              : within(lead, 0xF0, 0xF4) ? 3
                                                         : -1;
        if (following < 0 || end - p < following) return false;
        const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (!within(p[0], low, high)) return false;
        for (int i = 1; i < following; ++i) {
            if (!within(p[i], 0x80, 0xBF)) return false;
        }
        p += following;
    }
    return true;
}

}  // namespace lathe::detail
