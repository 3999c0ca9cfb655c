// SPDX-License-Identifier: Apache-2.0
// One reward out of a quality and a cost, as a policy around any optimizer.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

/// The reward quality * (cost / limit)^exponent (Tan et al. 2019, MnasNet). A hard limit is an exponent
/// of 0 below it and of -1 above it; one exponent on both sides, such as -0.07, trades smoothly.
struct reward_policy {
    double limit = 1.0;             ///< in the unit of the cost, above 0
    double exponent_within = 0.0;   ///< for cost <= limit
    double exponent_beyond = -1.0;  ///< for cost > limit
};

/// Throws bad_input unless the policy is finite and its limit above 0.
void validate(const reward_policy& policy);

/// Minus the reward, so that it can be minimised; rounded to 40 bits, so that it does not depend on
/// the platform's pow. NaN for a quality or a cost that is not a number, not finite or negative,
/// and for a reward that is not finite, as that of a cost of 0 with a negative exponent.
[[nodiscard]] double minus_reward(double quality, double cost, const reward_policy& policy);

namespace detail {
[[nodiscard]] std::vector<outcome> with_reward(std::span<const outcome> outcomes,
                                               const reward_policy& policy);
[[nodiscard]] std::vector<immigrant> with_reward(std::span<const immigrant> results,
                                                 const reward_policy& policy);
}  // namespace detail

/// Gives the optimizer one objective in place of two: outcomes must have the objectives (minus quality,
/// cost). Other numbers of objectives throw bad_input; violations and failures pass through.
template <Optimizer Inner>
class scalarized {
public:
    /// Throws bad_input for a policy that is not valid.
    scalarized(Inner inner, reward_policy policy);

    [[nodiscard]] std::vector<proposal> ask(std::size_t n) { return inner_.ask(n); }
    void tell(std::span<const outcome> outcomes);
    [[nodiscard]] std::string state() const { return inner_.state(); }
    void restore(std::string_view state) { inner_.restore(state); }
    void receive(std::span<const immigrant> results)
        requires ReceivingOptimizer<Inner>
    {
        inner_.receive(detail::with_reward(results, policy_));
    }
    [[nodiscard]] std::vector<search_level> levels() const
        requires LevelledOptimizer<Inner>
    {
        return inner_.levels();
    }
    [[nodiscard]] const Inner& inner() const noexcept { return inner_; }

private:
    Inner inner_;
    reward_policy policy_;
};

template <Optimizer Inner>
scalarized<Inner>::scalarized(Inner inner, reward_policy policy)
    : inner_(std::move(inner)), policy_(policy) {
    validate(policy_);
}

template <Optimizer Inner>
void scalarized<Inner>::tell(std::span<const outcome> outcomes) {
    inner_.tell(detail::with_reward(outcomes, policy_));
}

}  // namespace lathe
