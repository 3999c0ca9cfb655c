// SPDX-License-Identifier: Apache-2.0
// Help for error messages, and quantities as people read them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lathe {

/// The candidate with the smallest edit distance to `name`, or empty if none is near (more than two
/// letters and more than a third of them differ).
[[nodiscard]] std::string_view nearest_name(std::string_view name,
                                            std::span<const std::string_view> candidates);

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// "412 KiB", "1.5 MiB": three digits, binary prefixes.
[[nodiscard]] std::string format_bytes(double bytes);
/// "318 us", "1.27 ms".
[[nodiscard]] std::string format_time(double nanoseconds);
/// "18.6 M", "205 k".
[[nodiscard]] std::string format_count(double count);

}  // namespace lathe
