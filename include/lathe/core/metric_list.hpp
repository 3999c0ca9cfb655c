// SPDX-License-Identifier: Apache-2.0
// Metrics as a list of types, so that what a component provides is known when it is compiled.
#pragma once

#include <concepts>
#include <vector>

#include "lathe/core/metric.hpp"

namespace lathe {

/// What a component provides: `using provides = metric_list<accuracy>;`.
template <class... Metrics>
struct metric_list {
    /// The same as values, without a scenario.
    [[nodiscard]] static std::vector<metric_id> ids() { return {id_of<Metrics>()...}; }

    template <class Metric>
    static constexpr bool contains = (std::same_as<Metric, Metrics> || ...);
};

}  // namespace lathe
