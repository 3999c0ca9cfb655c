// SPDX-License-Identifier: Apache-2.0
// What a finished search looks like on paper: one HTML file, one table, one JSON document.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/fingerprint.hpp"
#include "lathe/core/units.hpp"
#include "lathe/evaluator/staged.hpp"
#include "lathe/format/json.hpp"
#include "lathe/network/program.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/choice.hpp"

namespace lathe {

/// The outcome of one scenario, with what was looked up for its member.
struct scenario_report {
    scenario_choice choice;
    std::string onnx;                     ///< file name; empty: nothing was written
    std::optional<program> compiled;      ///< of the member, for this scenario
    std::vector<nanoseconds> step_times;  ///< of compiled->steps, or empty
    std::optional<estimate> test_accuracy;
};

/// A point of the supernet's training.
struct training_point {
    double minutes = 0.0;
    double largest_accuracy = 0.0;  ///< on training batches, 0 to 1
    double smallest_accuracy = 0.0;
};

struct search_report {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts;  ///< name and text, for the heading
    fingerprint machine;
    std::vector<scenario_report> scenarios;  ///< in the order of the goals
    std::vector<training_point> training;
    std::vector<search_level> levels;  ///< of an optimizer that works level by level
    std::vector<stage_report> stages;  ///< of a judgement in stages
    std::optional<estimate> largest_test_accuracy;
    std::optional<estimate> smallest_test_accuracy;
    /// Names a member for people.
    std::function<std::string(const genotype&)> describe;
};

/// One self-contained file: no scripts, nothing loaded from elsewhere, every text escaped, pictures
/// as inline SVG, light and dark. O(trials).
[[nodiscard]] std::string html_report(const search_report& report, const study_ledger& ledger);

/// The front, one row per member: trial, genotype, verdict, description, then value, low and high
/// of every metric (accuracy 0 to 1, latency in ns, memory in bytes). An unknown value is an empty
/// cell.
[[nodiscard]] std::string front_csv(const search_report& report, const study_ledger& ledger);

/// Goals, counts, reference, front, choices with margins, machine: everything but the trials.
[[nodiscard]] json_value study_json(const search_report& report, const study_ledger& ledger);

}  // namespace lathe
