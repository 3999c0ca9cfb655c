// SPDX-License-Identifier: Apache-2.0
// What a search is for: objectives, and the production scenarios with their limits.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/constraint/limit.hpp"
#include "lathe/core/deployment.hpp"
#include "lathe/core/metric.hpp"

namespace lathe {

/// One way in which a network is to run, and what it must keep there. One network is chosen for
/// each.
struct scenario {
    std::string name;  ///< letters, digits, '_' and '-': it becomes part of file names
    deployment target;
    std::vector<limit_spec> limits;
};

/// Metrics are optimised in their natural direction (natural_direction). The first objective is the
/// one by which a scenario's network is chosen among those that keep its limits.
struct search_goals {
    std::vector<metric_id> objectives;
    std::vector<scenario> scenarios;
};

/// "max accuracy", "min latency_p99@edge". Throws bad_input, naming `place`.
[[nodiscard]] metric_id parse_objective(std::string_view text,
                                        std::string_view place = "objective");
/// Inverse of parse_objective.
[[nodiscard]] std::string objective_text(const metric_id& objective);

/// The goals with every metric assigned to its scenario: a metric that depends on the deployment
/// and names none belongs to the only scenario, limits belong to their own. Throws bad_input: no
/// objective, no scenario, an unknown or doubled name, an objective given twice, a metric with the
/// wrong scenario.
[[nodiscard]] search_goals complete(search_goals goals);

/// Is a limit of any scenario relative to the reference member?
[[nodiscard]] bool needs_reference(const search_goals& goals) noexcept;

/// Goals that remember the types of their metrics, so that a study can refuse at compile time what
/// no component of it provides:
///
///     const auto goals = typed_goals<>()
///         .in("edge", {.batch = 1, .threads = 1})
///         .optimize<accuracy>()
///         .optimize<latency_p99>("edge")
///         .limit<peak_memory>("edge", "<= 256KiB");
template <class... Used>
class typed_goals {
public:
    typed_goals() = default;
    explicit typed_goals(search_goals goals) : goals_(std::move(goals)) {}

    [[nodiscard]] typed_goals in(std::string name, deployment target) const {
        search_goals more = goals_;
        more.scenarios.push_back({std::move(name), target, {}});
        return typed_goals(std::move(more));
    }
    template <class Metric>
    [[nodiscard]] typed_goals<Used..., Metric> optimize(std::string scenario_name = {}) const {
        search_goals more = goals_;
        more.objectives.push_back(id_of<Metric>(std::move(scenario_name)));
        return typed_goals<Used..., Metric>(std::move(more));
    }
    /// `text` as for parse_limit. Throws bad_input for a scenario that was not added before.
    template <class Metric>
    [[nodiscard]] typed_goals<Used..., Metric> limit(std::string_view scenario_name,
                                                     std::string_view text) const {
        return typed_goals<Used..., Metric>(with_limit(id_of<Metric>(), scenario_name, text));
    }

    [[nodiscard]] const search_goals& untyped() const noexcept { return goals_; }

private:
    [[nodiscard]] search_goals with_limit(metric_id metric, std::string_view scenario_name,
                                          std::string_view text) const;

    search_goals goals_;
};

/// The goals with one more limit in the named scenario. Throws bad_input.
[[nodiscard]] search_goals add_limit(search_goals goals, metric_id metric,
                                     std::string_view scenario_name, std::string_view text);

template <class... Used>
search_goals typed_goals<Used...>::with_limit(metric_id metric, std::string_view scenario_name,
                                              std::string_view text) const {
    return add_limit(goals_, std::move(metric), scenario_name, text);
}

namespace detail {

/// Instantiated with the metric, so that the compiler's message shows which one it is.
template <class Metric, class... Components>
struct require_provided {
    static_assert((MayProvide<Components, Metric> || ...),
                  "an objective or a limit uses a metric that no component of this study provides: "
                  "add a cost model or an evaluator whose `provided` lists it");
};

}  // namespace detail

}  // namespace lathe
