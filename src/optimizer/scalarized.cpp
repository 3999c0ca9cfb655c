// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/scalarized.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {

double minus_reward(double quality, double cost, const reward_policy& policy) {
    if (!std::isfinite(quality) || !std::isfinite(cost) || quality < 0.0 || cost < 0.0) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const double exponent = cost > policy.limit ? policy.exponent_beyond : policy.exponent_within;
    const double factor = exponent == 0.0 ? 1.0 : std::pow(cost / policy.limit, exponent);
    int power = 0;
    const double mantissa = std::frexp(quality * factor, &power);
    return -std::ldexp(std::nearbyint(std::ldexp(mantissa, 40)), power - 40);
}

void validate(const reward_policy& policy) {
    if (policy.limit > 0.0 && std::isfinite(policy.limit) &&
        std::isfinite(policy.exponent_within) && std::isfinite(policy.exponent_beyond)) {
        return;
    }
    throw error(errc::bad_input, "reward_policy",
                fmt::format("limit {}, exponents {} and {}", policy.limit, policy.exponent_within,
                            policy.exponent_beyond),
                "give a limit above 0 and finite exponents");
}

namespace detail {

std::vector<outcome> with_reward(std::span<const outcome> outcomes, const reward_policy& policy) {
    std::vector<outcome> changed(outcomes.begin(), outcomes.end());
    for (auto& o : changed) {
        if (o.status == outcome_status::failed || o.objectives.empty()) continue;
        if (o.objectives.size() != 2) {
            throw error(errc::bad_input, "scalarized",
                        fmt::format("outcome of id {} has {} objectives", o.id, o.objectives.size()),
                        "give two: minus the quality, and the cost");
        }
        o.objectives = {minus_reward(-o.objectives[0], o.objectives[1], policy)};
    }
    return changed;
}

}  // namespace detail
}  // namespace lathe
