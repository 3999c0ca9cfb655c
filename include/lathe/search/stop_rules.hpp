// SPDX-License-Identifier: Apache-2.0
// Ends of a search that look at what was found, or at the outside. Any number of them combine in
// study::run: the first that holds ends it.
#pragma once

#include <concepts>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "lathe/search/concept.hpp"
#include "lathe/search/ledger.hpp"
#include "lathe/search/termination.hpp"

namespace lathe {

/// Asked before every step; anything but `running` ends the search. The record is that of the step
/// before, so that a rule may count steps.
template <class R>
concept StopRule = requires(R& rule, const step_record& r, const study_ledger& found) {
    { rule(r, found) } -> std::same_as<stop_reason>;
};

/// Holds when a member that is feasible, intervals included, reaches the value in an objective: at
/// least that accuracy, at most that of anything else. In the unit of the quantity. O(front) a step.
class target_value {
public:
    /// Throws bad_input for a value that is not finite.
    target_value(metric_id objective, double value);
    /// Throws bad_input if the metric is no objective of the study.
    [[nodiscard]] stop_reason operator()(const step_record& r, const study_ledger& found) const;

private:
    metric_id objective_;
    double value_;
};
static_assert(StopRule<target_value>);

/// Holds when the hypervolume of the front has not grown by more than the share `gain` within the
/// last `steps` steps. A front without volume waits. One hypervolume a step.
class hypervolume_stall {
public:
    /// `reference`: the worst value worth having, one per objective, in the units of the objectives.
    /// Throws bad_input for a number that is not finite, 0 steps, or a negative gain.
    hypervolume_stall(std::vector<double> reference, std::size_t steps, double gain = 0.0);
    /// Throws bad_input if the study has another number of objectives.
    [[nodiscard]] stop_reason operator()(const step_record& r, const study_ledger& found);

private:
    std::vector<double> reference_;
    std::size_t steps_;
    double gain_;
    std::optional<std::uint64_t> last_step_;
    std::deque<double> volumes_;  ///< of the last steps, `steps_` + 1 at most
};
static_assert(StopRule<hypervolume_stall>);

/// Holds when somebody else asks: a signal handler's thread, a server that shuts down.
class stop_request {
public:
    explicit stop_request(std::stop_token token) : token_(std::move(token)) {}
    [[nodiscard]] stop_reason operator()(const step_record&, const study_ledger&) const {
        return token_.stop_requested() ? stop_reason::requested : stop_reason::running;
    }

private:
    std::stop_token token_;
};
static_assert(StopRule<stop_request>);

}  // namespace lathe
