// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/scalarized.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>

#include "lathe/core/error.hpp"

namespace lathe {

double minus_reward(double quality, double cost, const reward_policy& policy) {
    if (!std::isfinite(quality) || !std::isfinite(cost) || quality < 0.0 || cost < 0.0) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const double exponent = cost > policy.limit ? policy.exponent_beyond : policy.exponent_within;
    const double factor = exponent == 0.0 ? 1.0 : std::pow(cost / policy.limit, exponent);
    const double reward = quality * factor;
    if (!std::isfinite(reward)) return std::numeric_limits<double>::quiet_NaN();
    int power = 0;
    const double mantissa = std::frexp(reward, &power);
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
namespace {

/// The reward in place of two objectives; none stay none.
void scalarize(std::vector<double>& objectives, const std::string& whose,
               const reward_policy& policy) {
    if (objectives.empty()) return;
    if (objectives.size() != 2) {
        throw error(errc::bad_input, "scalarized",
                    fmt::format("{} has {} objectives", whose, objectives.size()),
                    "give two: minus the quality, and the cost");
    }
    objectives = {minus_reward(-objectives[0], objectives[1], policy)};
}

}  // namespace

std::vector<outcome> with_reward(std::span<const outcome> outcomes, const reward_policy& policy) {
    std::vector<outcome> changed(outcomes.begin(), outcomes.end());
    for (auto& o : changed) {
        if (o.status == outcome_status::failed) continue;
        scalarize(o.objectives, fmt::format("outcome of id {}", o.id), policy);
    }
    return changed;
}

std::vector<immigrant> with_reward(std::span<const immigrant> results,
                                   const reward_policy& policy) {
    std::vector<immigrant> changed(results.begin(), results.end());
    for (auto& r : changed) scalarize(r.objectives, "an immigrant", policy);
    return changed;
}

}  // namespace detail
}  // namespace lathe
