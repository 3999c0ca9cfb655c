// SPDX-License-Identifier: Apache-2.0
// The steps of a search, one function each: train, search and choose, finish.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cli/images.hpp"
#include "cli/preset.hpp"
#include "cli/progress.hpp"
#include "cli/spec.hpp"
#include "cli/study_folder.hpp"
#include "lathe/engine/timing.hpp"
#include "lathe/evaluator/staged.hpp"
#include "lathe/evaluator/supernet.hpp"
#include "lathe/report/report.hpp"
#include "lathe/search/any.hpp"
#include "lathe/search/study.hpp"
#include "lathe/supernet/trainer.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe::cli {

/// The space of the preset for this data. Throws bad_input if images of this shape do not fit it.
[[nodiscard]] preset_space space_for(const search_spec& spec, const search_images& images);

/// Throws bad_input for an objective or a limit that no part of the main job measures.
void check_measurable(const search_goals& goals);

/// Without a checkpoint.
[[nodiscard]] training_settings settings_for(const training_plan& plan, int threads,
                                             std::uint64_t steps_per_epoch);

/// What training takes on the largest and the smallest member, as training_memory().
[[nodiscard]] std::int64_t training_memory_of(const search_spec& spec, const preset_space& space,
                                              int threads);

/// Throws bad_input, naming the key, for what space, batch or memory bound do not fit the data.
void check_training(const search_spec& spec, const search_images& images, int threads);

/// Trains what the checkpoint of the folder has not yet, and returns the training curve.
std::vector<training_point> train(const search_spec& spec, const preset_space& space,
                                  const search_images& images, const study_folder& folder,
                                  int threads, weight_store& weights, progress& show);

/// What a search is made of. `models` are asked in this order; `fresh` measures for the choice.
struct search_parts {
    any_space space;
    any_evaluator judge;
    std::array<any_cost_model, 3> models;
    any_cost_model fresh;
    /// What relative limits refer to; by default the largest member of a space that has one.
    std::optional<genotype> reference = std::nullopt;
    hash64 judge_content = 0;  ///< as study_settings::judge
};

struct search_result {
    study_ledger ledger;
    std::vector<scenario_choice> choices;
    stop_reason why = stop_reason::running;
    std::vector<search_level> levels = {};  ///< of an optimizer that works level by level
    std::vector<stage_report> stages = {};  ///< of a judgement in stages, in this session
};

/// Replays what the store holds, searches on, and chooses.
[[nodiscard]] search_result search(const search_parts& parts, const search_spec& spec,
                                   any_store store, progress& show);

/// For timings of so many calls of each network.
[[nodiscard]] timing_options timing_for(std::int32_t samples, std::size_t networks);

/// Looks up what the report tells of each member, tests it, and writes chosen ones as ONNX.
[[nodiscard]] search_report finish(const search_spec& spec, const preset_space& space,
                                   search_images& images, const study_folder& folder, int threads,
                                   weight_store& weights, supernet_evaluator& judge,
                                   const search_result& found, progress& show);

/// front.csv, study.json and report.html.
void write_report(const study_folder& folder, const search_report& report,
                  const study_ledger& ledger);

/// The machine with the libraries that this program uses.
[[nodiscard]] fingerprint machine_and_libraries();

/// All steps with the engine. `folder` holds `spec` and its log is `store`.
struct main_job {
    search_spec spec;
    study_folder folder;
    int threads = 1;
};
[[nodiscard]] search_report run_main_job(const main_job& job, search_images& images,
                                         log_store& store, progress& show);

}  // namespace lathe::cli
