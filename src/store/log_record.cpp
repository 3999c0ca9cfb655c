// SPDX-License-Identifier: Apache-2.0
#include "store/log_record.hpp"

#include <charconv>

#include <fmt/format.h>

#include "lathe/core/hash.hpp"

namespace lathe::detail {
namespace {

std::string checksum(std::uint64_t number, std::string_view payload) {
    return to_hex(hasher().add(number).add(payload).value());
}

/// Takes decimal digits and one space from the front.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, value);
    if (code != std::errc() || stop == end || *stop != ' ') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
    return value;
}

}  // namespace

std::string make_record(std::uint64_t number, std::string_view payload) {
    return fmt::format("{} {} {} {}\n", number, payload.size(), checksum(number, payload), payload);
}

std::optional<log_record> read_record(std::string_view text) {
    const std::size_t whole = text.size();
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const auto length = take_number(text);
    constexpr std::size_t digits = 16;
    if (!length || text.size() < digits + 2 || *length > text.size() - digits - 2) {
        return std::nullopt;
    }
    const std::string_view sum = text.substr(0, digits);
    const std::string_view payload = text.substr(digits + 1, *length);
    if (text[digits] != ' ' || text[digits + 1 + *length] != '\n') return std::nullopt;
    if (sum != checksum(*number, payload)) return std::nullopt;
    return log_record{*number, payload, whole - text.size() + digits + 2 + *length};
}

bool holds_record(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (read_record(text.substr(at))) return true;
    }
    return false;
}

}  // namespace lathe::detail
