// SPDX-License-Identifier: Apache-2.0
// How a network is called in production.
#pragma once

#include <compare>
#include <cstdint>

namespace lathe {

enum class arrivals : std::uint8_t {
    closed  ///< every stream sends the next call when the last one has returned
};

/// `streams` callers at a time, each with its own arena and `threads` threads, `batch` inputs a call.
struct deployment {
    std::int32_t batch = 1;
    std::int32_t threads = 1;
    std::int32_t streams = 1;
    arrivals load = arrivals::closed;

    friend auto operator<=>(const deployment&, const deployment&) = default;
};

/// Throws bad_input when a count is below 1.
void validate(const deployment& d);

}  // namespace lathe
