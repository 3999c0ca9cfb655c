// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the CostModel concept, to be called from anybody's own tests.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/concept.hpp"
#include "lathe/testing/estimate_flaws.hpp"

namespace lathe::testing {

/// Asks `model` about the networks, all at once and one by one, and returns what is wrong with it, one
/// sentence each: empty means that it conforms. Measured estimates may differ from call to call.
template <CostModel Model>
[[nodiscard]] std::vector<std::string> check_cost_model(Model& model, std::span<const network> nets,
                                                        const deployment& target) {
    const std::vector<metric_id> metrics = std::as_const(model).metrics();
    std::vector<std::string> complaints = detail::flaws(metrics);
    const auto complain = [&](std::string what) { complaints.push_back(std::move(what)); };

    const cost_table all = model.estimate(nets, target);
    if (all.networks() != nets.size() || !std::ranges::equal(all.metrics(), metrics)) {
        complain("the table does not have one row per network and one column per metric");
        return complaints;
    }
    for (std::size_t n = 0; n < nets.size(); ++n) {
        const cost_table one = model.estimate(nets.subspan(n, 1), target);
        for (std::size_t m = 0; m < metrics.size(); ++m) {
            const estimate& e = all.column(m)[n];
            const std::string name = to_string(metrics[m]) + " of network " + std::to_string(n);
            if (const auto what = detail::flaw(e); !what.empty()) complain(name + ' ' + what);
            if (e.source != provenance::measured && !detail::same(e, one.column(m)[0])) {
                complain(name + " depends on the other networks of the call");
            }
        }
    }
    if (model.estimate(nets.first(0), target).networks() != 0) complain("no network has a row");
    try {
        (void)model.estimate(nets, deployment{0, 1, 1});
        complain("a deployment with batch 0 is accepted");
    } catch (const error& e) {
        if (e.code() != errc::bad_input) complain("a batch of 0 is not called bad input");
    }
    return complaints;
}

}  // namespace lathe::testing
