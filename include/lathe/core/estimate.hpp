// SPDX-License-Identifier: Apache-2.0
// A value that says how far it can be trusted.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

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

    [[nodiscard]] bool known() const noexcept { return status == estimate_status::known; }

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

}  // namespace lathe
