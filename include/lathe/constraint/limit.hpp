// SPDX-License-Identifier: Apache-2.0
// Limits on metrics, written as people write them: "<= 400us", "<= 256KiB", "<= 45%", ">= 80%".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lathe/constraint/concept.hpp"

namespace lathe {

enum class bound : std::uint8_t { at_most, at_least };

/// A limit as written. `relative`: `value` is a fraction of what a reference member (usually the
/// largest of the space) has; otherwise `value` is in the unit of the quantity (see core/metric.hpp).
struct limit_spec {
    metric_id metric;
    bound side = bound::at_most;
    double value = 0.0;
    bool relative = false;

    friend bool operator==(const limit_spec&, const limit_spec&) = default;
};

/// A limit in the unit of its quantity; `value` is finite and above 0.
///
/// Kept when the whole interval of the estimate keeps it, violated when no part of it does, else
/// undecided. The amount is the point value's distance from the limit over the limit.
struct limit {
    metric_id metric;
    bound side = bound::at_most;
    double value = 0.0;

    [[nodiscard]] lathe::violation violation(const estimate& e) const noexcept;
    [[nodiscard]] lathe::violation violation(const network&,
                                             const metric_values& metrics) const noexcept {
        return violation(metrics.at(metric));
    }

    friend bool operator==(const limit&, const limit&) = default;
};
static_assert(Constraint<limit>);

/// Reads "OP NUMBER UNIT" with OP "<=" (">=" for accuracy). Units: ns us ms s; B kB MB GB KiB MiB GiB;
/// nJ uJ mJ J; k M G or none for counts; none for loss. '%' is a fraction of the reference member,
/// except for accuracy, where it is the accuracy itself ("80%" is 0.80). `place` names the key in
/// error messages and defaults to the metric. Throws bad_input.
[[nodiscard]] limit_spec parse_limit(const metric_id& metric, std::string_view text,
                                     std::string_view place = {});

/// Throws bad_input for a limit that parse_limit() would not give: not above 0, not finite, an
/// accuracy above 1, or a bound on the side to which its quantity is optimised.
void validate(const limit_spec& l);

/// A relative limit becomes absolute by the reference member's point value. Throws bad_input if
/// that value is not known or not above 0, and as validate() does.
[[nodiscard]] limit resolve(const limit_spec& spec, const metric_values& reference);

/// "latency_p99@edge <= 400 us", "peak_memory@edge <= 45 %".
[[nodiscard]] std::string to_string(const limit& l);
[[nodiscard]] std::string to_string(const limit_spec& l);
/// A value of the quantity as people read it: "412 KiB", "318 us", "83.1 %".
[[nodiscard]] std::string format_value(quantity of, double value);

}  // namespace lathe
