// SPDX-License-Identifier: Apache-2.0
// What a production constraint is: all that the author of one must read.
#pragma once

#include <concepts>
#include <span>

#include "lathe/core/estimate.hpp"
#include "lathe/core/metric.hpp"

namespace lathe {

class network;

/// How far a candidate is from keeping a constraint. `amount` is >= 0 and normalised to the limit
/// (0.1: a tenth of the limit too much), so that bytes and nanoseconds can be added; it is +infinity
/// where there is no value to judge by. `decided` is false where the evidence does not tell.
struct violation {
    double amount = 0.0;
    bool decided = true;

    /// Undecided is not feasible.
    [[nodiscard]] bool feasible() const noexcept { return decided && amount == 0.0; }

    friend bool operator==(const violation&, const violation&) = default;
};

/// The metrics of one candidate: `values[i]` belongs to `ids[i]`. A view; both have the same length.
struct metric_values {
    std::span<const metric_id> ids;
    std::span<const estimate> values;

    /// A metric that is not among `ids` is "not measured". Linear in the number of metrics.
    [[nodiscard]] estimate at(const metric_id& id) const noexcept;
};

/// `violation(net, metrics)` is 0 exactly where the constraint is kept and grows with the distance
/// from it; the same input gives the same answer. It may look at the network (a veto) or at any
/// metric. A missing metric makes it undecided, never feasible.
template <class C>
concept Constraint = requires(const C& c, const network& net, const metric_values& metrics) {
    { c.violation(net, metrics) } -> std::same_as<violation>;
};

}  // namespace lathe
