// SPDX-License-Identifier: Apache-2.0
// The specification of a search: what one JSON file says. docs/spec.schema.json describes every
// key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/core/error.hpp"
#include "lathe/data/glyphs.hpp"
#include "lathe/data/transform.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/format/json.hpp"
#include "lathe/search/goals.hpp"

namespace lathe::cli {

enum class data_format : std::uint8_t { cifar10, idx, glyphs };

struct data_settings {
    data_format format = data_format::glyphs;
    std::filesystem::path path;  ///< of a folder; empty for glyphs
    glyph_options glyphs;
    /// Images kept from training; by default a tenth of them, at most 5000 and 2000.
    std::optional<std::int64_t> validation;
    std::optional<std::int64_t> recalibration;
    augmentation changes;
};

/// Exactly one of minutes, steps and epochs is above 0.
struct training_plan {
    double minutes = 0.0;
    std::int64_t steps = 0;
    double epochs = 0.0;
    std::int32_t batch = 128;
    std::int32_t threads = 0;  ///< 0: all cores
    std::uint64_t seed = 1;
    std::int32_t random_members = 2;
    bool distillation = true;
    lathe::precision precision = lathe::precision::automatic;
    std::int64_t memory = 0;  ///< bytes; 0: no bound
    // Where nothing is given, the trainer's own default holds.
    std::optional<double> learning_rate;
    std::optional<double> matrix_rate;
    std::optional<double> warm_up;
    std::optional<double> ends_alone;
    std::optional<double> small_images;
    std::optional<double> momentum;
    std::optional<double> weight_decay;
    std::optional<double> label_smoothing;
    std::optional<double> clip_norm;
};

enum class optimizer_kind : std::uint8_t {
    random,
    nsga2,
    regularized_evolution,
    local_search,
    surrogate_search,
    hierarchical
};

/// A rough judgement of quality before the exact one.
struct stage_plan {
    double effort = 0.25;  ///< share of the images
    double share = 0.5;    ///< of each batch, judged on all images
};

struct search_plan {
    optimizer_kind optimizer = optimizer_kind::nsga2;
    std::int64_t evaluations = 200;
    std::uint64_t seed = 1;
    // Of some optimizers. 0: the optimizer's own default.
    std::int64_t population = 0;
    std::int64_t islands = 1;
    std::int64_t starts = 0;
    std::int64_t initial = 0;
    std::int64_t levels = 3;
    double keep = 0.5;
    std::optional<stage_plan> stages;
    std::int64_t batch = 8;
    std::int32_t samples = 400;         ///< calls timed for each network and scenario
    std::int32_t final_samples = 2000;  ///< the same where the choice is made
    std::int64_t attempts = 12;         ///< networks tried for one scenario
};

struct search_spec {
    std::string preset;
    data_settings data;
    training_plan training;
    search_plan search;
    search_goals goals;  ///< complete
};

/// Throws bad_input naming file and key, with the nearest known key for a misspelt one.
[[nodiscard]] search_spec read_spec(const json_value& value, const std::string& file);

/// work(), whose errors name the file first.
template <class Work>
auto naming(const std::string& file, const Work& work) {
    try {
        return work();
    } catch (const error& e) {
        throw error(e.code(), file + ": " + e.place(), e.problem(), e.remedy());
    }
}

/// The names that "preset", "format" and "optimizer" take.
inline constexpr std::string_view preset_names[] = {"mobile28", "mobile32", "cell32", "chain28"};
inline constexpr std::string_view format_names[] = {"cifar10", "idx", "glyphs"};
inline constexpr std::string_view precision_names[] = {"automatic", "f32", "bf16"};
inline constexpr std::string_view optimizer_names[] = {
    "random", "nsga2", "regularized_evolution", "local_search", "surrogate_search", "hierarchical"};

}  // namespace lathe::cli
