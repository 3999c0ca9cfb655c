// SPDX-License-Identifier: Apache-2.0
// Lines of a study log: "NUMBER LENGTH CHECKSUM PAYLOAD\n".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lathe::detail {

inline constexpr std::string_view log_header = "lathe-study-log 1\n";

/// The checksum covers number and payload.
[[nodiscard]] std::string make_record(std::uint64_t number, std::string_view payload);

struct log_record {
    std::uint64_t number = 0;
    std::string_view payload;
    std::size_t size = 0;  ///< of the whole line
};

/// The record at the beginning of `text`, if it is whole and its checksum is right.
[[nodiscard]] std::optional<log_record> read_record(std::string_view text);

/// Is there a whole record anywhere in `text`?
[[nodiscard]] bool holds_record(std::string_view text);

}  // namespace lathe::detail
