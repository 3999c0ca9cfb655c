// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the Evaluator concept, to be called from anybody's own tests.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/evaluator/concept.hpp"
#include "lathe/testing/estimate_flaws.hpp"

namespace lathe::testing {

namespace detail {

/// What is wrong with the evaluation of one candidate, empty if nothing.
inline std::string flaw(const evaluation& e, const std::vector<metric_id>& metrics) {
    if (e.status == evaluation_status::failed) {
        if (!e.metrics.empty()) return "failed, and has metrics";
        return e.message.empty() ? "failed without a message" : "";
    }
    if (e.metrics.size() != metrics.size()) return "does not hold what metrics() lists";
    for (const auto& id : metrics) {
        const auto found = std::ranges::find(e.metrics, id, &metric_estimate::id);
        if (found == e.metrics.end()) return "lacks " + to_string(id);
        if (const auto what = flaw(found->value); !what.empty()) return to_string(id) + ' ' + what;
    }
    return {};
}

inline bool same(const evaluation& a, const evaluation& b) {
    return a.status == b.status &&
           std::ranges::equal(a.metrics, b.metrics,
                              [](const metric_estimate& x, const metric_estimate& y) {
                                  const bool measured = x.value.source == provenance::measured;
                                  return x.id == y.id && (measured || same(x.value, y.value));
                              });
}

}  // namespace detail

/// Lets `evaluator` judge the candidates, all at once and one by one, at full and at a quarter of the
/// effort, and returns what is wrong with it, one sentence each: empty means that it conforms. What is
/// measured may differ from call to call.
template <Evaluator E>
[[nodiscard]] std::vector<std::string> check_evaluator(E& evaluator,
                                                       std::span<const candidate> candidates) {
    const std::vector<metric_id> metrics = std::as_const(evaluator).metrics();
    std::vector<std::string> complaints = detail::flaws(metrics);
    const auto name = [](std::size_t i) { return "the evaluation of candidate " + std::to_string(i) + ' '; };
    for (const double effort : {1.0, 0.25}) {
        const auto all = evaluator.evaluate(candidates, {effort});
        if (all.size() != candidates.size()) {
            complaints.emplace_back("there is not one evaluation for each candidate");
            return complaints;
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (const auto what = detail::flaw(all[i], metrics); !what.empty()) {
                complaints.push_back(name(i) + what);
            }
            if (judges_batches(evaluator)) continue;
            const auto alone = evaluator.evaluate(candidates.subspan(i, 1), {effort});
            if (alone.size() != 1 || !detail::same(all[i], alone[0])) {
                complaints.push_back(name(i) + "depends on the other candidates of the call");
            }
        }
    }
    if (!evaluator.evaluate(candidates.first(0), {}).empty()) {
        complaints.emplace_back("no candidate has an evaluation");
    }
    return complaints;
}

}  // namespace lathe::testing
