// SPDX-License-Identifier: Apache-2.0
// What a study remembers, and what keeps it: all that the author of a study store or of a probe
// must read.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lathe/core/genotype.hpp"
#include "lathe/core/hash.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/optimizer/concept.hpp"

namespace lathe {

enum class trial_status : std::uint8_t {
    evaluated,
    refused,  ///< an exact metric breaks a limit of every scenario; nothing dearer was measured
    failed    ///< something went wrong; `message` says what
};

/// One member of the space that was looked at, once.
struct trial {
    std::uint64_t id = 0;  ///< counts from 0 in the order in which trials were recorded
    genotype genes;        ///< canonical
    trial_status status = trial_status::evaluated;
    std::vector<metric_estimate> metrics;  ///< with scenarios; what is not there was not measured
    std::string message;

    friend bool operator==(const trial&, const trial&) = default;
};

/// The first event. A study continues only what has the same setup: axes, the network of one member,
/// goals, batch, optimizer with its initial state and study_settings::judge (weights, machine).
struct study_started {
    hash64 setup = 0;

    friend bool operator==(const study_started&, const study_started&) = default;
};

/// The member that relative limits refer to. Its trial has no number among the others.
struct reference_measured {
    trial reference;

    friend bool operator==(const reference_measured&, const reference_measured&) = default;
};

struct trial_recorded {
    lathe::trial trial;

    friend bool operator==(const trial_recorded&, const trial_recorded&) = default;
};

using study_event = std::variant<study_started, reference_measured, trial_recorded>;

/// - `append(e)` returns when the event is as durable as the store can make it. It throws io when
/// the
///   event could not be kept; all earlier ones still are.
/// - `events()` gives all events kept so far, in order: a torn last one is cut, nothing before it
/// is
///   ever lost.
template <class S>
concept StudyStore = requires(S& store, const S& same, const study_event& e) {
    store.append(e);
    { same.events() } -> std::same_as<std::vector<study_event>>;
};

/// What one step (one batch) of a study did, and where the study stands now.
struct step_record {
    std::uint64_t step = 0;
    std::size_t proposals = 0;  ///< looked at in this step; 0: the optimizer has no more
    std::size_t added = 0;      ///< trials of this step
    std::size_t trials = 0;     ///< of the whole study, the same as the sum of the next three
    std::size_t evaluated = 0;
    std::size_t refused = 0;
    std::size_t failed = 0;
    std::size_t repeats = 0;   ///< proposals that had been looked at before
    std::size_t front = 0;     ///< members on the front
    bool all_infeasible = false;  ///< trials there are, and none keeps the limits of any scenario
    std::size_t replayed = 0;  ///< trials that came from the store and not from an evaluation
    /// Budgets and what was used of them, where the optimizer works level by level.
    std::vector<search_level> levels = {};
};

enum class next_step : std::uint8_t { go_on, stop };

/// Sees every step; may ask to stop.
template <class P>
concept Probe = std::invocable<P&, const step_record&> &&
                std::same_as<std::invoke_result_t<P&, const step_record&>, next_step>;

}  // namespace lathe
