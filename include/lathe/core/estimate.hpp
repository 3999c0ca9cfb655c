// SPDX-License-Identifier: Apache-2.0
// A value that says how far it can be trusted.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace lathe {

enum class provenance : std::uint8_t { exact, analytic, lower_bound, table, surrogate, measured };

enum class estimate_status : std::uint8_t {
    known,
    not_measured,    ///< nobody looked; not the same as zero
    not_resolvable,  ///< looked at, but too few samples for this statistic
    failed           ///< looked at, and it went wrong
};

/// `low` and `high` bound the value with the given confidence (0.95: 95 %); an exact value has
/// low == value == high. The numbers have a meaning only where status is `known`, and are finite then.
struct estimate {
    double value = std::numeric_limits<double>::quiet_NaN();
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
    double confidence = 0.0;
    provenance source = provenance::analytic;
    estimate_status status = estimate_status::not_measured;
    bool noisy = false;  ///< the machine was disturbed while this was measured

    [[nodiscard]] constexpr bool known() const noexcept { return status == estimate_status::known; }

    /// Failed, without a number, where `v` is not finite.
    [[nodiscard]] static estimate exact(double v) noexcept {
        if (!std::isfinite(v)) return missing(estimate_status::failed);
        return {v, v, v, 1.0, provenance::exact, estimate_status::known, false};
    }
    [[nodiscard]] static estimate missing(estimate_status why) noexcept {
        estimate e;
        e.status = why;
        return e;
    }
};

/// What is wrong with the numbers of a known estimate, as the end of a sentence; empty where
/// nothing is.
[[nodiscard]] constexpr std::string_view flaw_of(const estimate& e) noexcept {
    if (!e.known()) return {};
    constexpr double most = std::numeric_limits<double>::max();
    if (!(e.value >= -most && e.value <= most && e.low >= -most && e.high <= most)) {
        return "is known but not finite";
    }
    if (!(e.low <= e.value && e.value <= e.high)) return "is outside its interval";
    if (!(e.confidence >= 0.0 && e.confidence <= 1.0)) return "has a confidence outside [0, 1]";
    if (e.source == provenance::exact && e.low != e.high) return "is exact but has an interval";
    return {};
}

}  // namespace lathe
