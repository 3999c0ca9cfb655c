// SPDX-License-Identifier: Apache-2.0
// Units are types: a latency is not a double in some unit.
#pragma once

#include <compare>
#include <cstdint>

namespace lathe {

/// A number with a unit. Adding different units does not compile.
template <class Tag, class Rep>
struct unit {
    using rep = Rep;
    Rep value{};

    constexpr unit() = default;
    constexpr explicit unit(Rep v) : value(v) {}

    friend constexpr auto operator<=>(unit, unit) = default;
    friend constexpr unit operator+(unit a, unit b) { return unit(a.value + b.value); }
    friend constexpr unit operator-(unit a, unit b) { return unit(a.value - b.value); }
    constexpr unit& operator+=(unit other) {
        value += other.value;
        return *this;
    }
};

using nanoseconds = unit<struct nanoseconds_tag, double>;
using joules = unit<struct joules_tag, double>;
using byte_count = unit<struct bytes_tag, std::int64_t>;
using mac_count = unit<struct macs_tag, std::int64_t>;
using parameter_count = unit<struct parameters_tag, std::int64_t>;

}  // namespace lathe
