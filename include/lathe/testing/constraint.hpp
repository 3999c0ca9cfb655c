// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the Constraint concept, to be called from anybody's own tests.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/constraint/concept.hpp"

namespace lathe::testing {

/// Asks `constraint` about `net` with each of `cases`, and with nothing known, and returns what is wrong
/// with it, one sentence each: empty means that it conforms. Give cases that keep it and cases that do
/// not: then a constraint on metrics can be told from one on the network alone.
template <Constraint C>
[[nodiscard]] std::vector<std::string> check_constraint(const C& constraint, const network& net,
                                                        std::span<const metric_values> cases) {
    std::vector<std::string> complaints;
    bool uses_metrics = false;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const violation v = constraint.violation(net, cases[i]);
        const std::string name = "the violation of case " + std::to_string(i) + ' ';
        if (!(v.amount >= 0.0)) complaints.push_back(name + "is negative or no number");
        if (!(v == constraint.violation(net, cases[i]))) {
            complaints.push_back(name + "differs from call to call");
        }
        uses_metrics = uses_metrics || !(v == constraint.violation(net, cases[0]));
    }
    const violation unknown = constraint.violation(net, {});
    if (!(unknown.amount >= 0.0)) {
        complaints.emplace_back("without metrics the violation is negative or no number");
    }
    if (uses_metrics && unknown.feasible()) {
        complaints.emplace_back("what was never measured counts as feasible");
    }
    return complaints;
}

}  // namespace lathe::testing
