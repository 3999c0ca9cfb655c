// SPDX-License-Identifier: Apache-2.0
// The bytes of IDX files.
#pragma once

#include <cstdint>
#include <string>

inline std::string big_endian(std::uint32_t v) {
    return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
            static_cast<char>(v)};
}

inline std::string idx_images(std::uint32_t n, std::uint32_t height, std::uint32_t width,
                              const std::string& pixels) {
    return std::string("\0\0\x08\x03", 4) + big_endian(n) + big_endian(height) +
           big_endian(width) + pixels;
}

inline std::string idx_labels(std::uint32_t n, const std::string& labels) {
    return std::string("\0\0\x08\x01", 4) + big_endian(n) + labels;
}
