// SPDX-License-Identifier: Apache-2.0
// The pictures of a report, as HTML figures.
#pragma once

#include <string>

#include "lathe/report/report.hpp"

namespace lathe::detail {

/// First objective over the second (or over parameters), every trial that has both.
[[nodiscard]] std::string front_figure(const search_report& report, const study_ledger& ledger);
/// First objective of every trial, in order, with the best feasible one so far.
[[nodiscard]] std::string history_figure(const study_ledger& ledger);
/// Accuracy of largest and smallest network during training; empty without points.
[[nodiscard]] std::string training_figure(const search_report& report);
/// Buffers of the arena over the steps; empty without a program.
[[nodiscard]] std::string memory_figure(const scenario_report& s);
/// Time of each step; empty without times.
[[nodiscard]] std::string step_figure(const scenario_report& s);

/// "P99 latency at edge".
[[nodiscard]] std::string words_for(const metric_id& id);
/// "318 us (301 us to 340 us)", or why there is no value.
[[nodiscard]] std::string words_for(quantity of, const estimate& e);

}  // namespace lathe::detail
