// SPDX-License-Identifier: Apache-2.0
// What the checks of cost models and evaluators ask of an estimate and of a list of metrics.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lathe/core/estimate.hpp"
#include "lathe/core/metric.hpp"

namespace lathe::testing::detail {

inline bool same(const estimate& a, const estimate& b) {
    if (a.status != b.status) return false;
    return !a.known() || (a.value == b.value && a.low == b.low && a.high == b.high);
}

/// What is wrong with one estimate, empty if nothing.
inline std::string flaw(const estimate& e) {
    if (!e.known() && !std::isnan(e.value)) return "has a number although it is not known";
    return std::string(flaw_of(e));
}

/// What is wrong with metrics().
inline std::vector<std::string> flaws(const std::vector<metric_id>& metrics) {
    std::vector<std::string> found;
    if (metrics.empty()) found.emplace_back("metrics() is empty");
    for (const auto& m : metrics) {
        if (!is_metric(m.of, m.by)) found.push_back(to_string(m) + " is no metric");
        if (!m.scenario.empty()) found.push_back(to_string(m) + " names a scenario");
        if (std::count(metrics.begin(), metrics.end(), m) > 1) {
            found.push_back(to_string(m) + " is there twice");
        }
    }
    return found;
}

}  // namespace lathe::testing::detail
