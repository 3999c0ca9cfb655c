// SPDX-License-Identifier: Apache-2.0
// Multi-fidelity evaluation: cheap and rough for many, dear and exact for few.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "lathe/evaluator/concept.hpp"
#include "lathe/evaluator/provided.hpp"

namespace lathe {

/// One round of the race, as data.
struct stage {
    double effort = 1.0;  ///< of the effort that is asked for; above 0, at most 1
    /// Of the candidates that the stage before has judged, the share that goes on to this one: rounded,
    /// at least one; above 0, at most 1. The first stage judges all: 1.
    double share = 1.0;
    metric_id judged_by = {quantity::accuracy, statistic::value, {}};  ///< what this stage ranks by
};

struct staged_settings {
    std::vector<stage> stages;  ///< one per evaluator
    /// For searches with a second objective: those go on that are best in (judged_by, cost), by
    /// non-dominated sorting and crowding. Without it, those that are best in judged_by; then a search
    /// that also minimises cost would never see its small members judged exactly.
    std::function<double(const candidate&)> cost = {};
};

/// Do two stages put the candidates that both have judged in the same order? Nothing where fewer than
/// two were, or where one stage gave all the same value. Only what went on is compared, so that a
/// value near 0 can also mean that the rough stage has used up its knowledge.
struct stage_agreement {
    std::size_t pairs = 0;
    std::optional<double> kendall;   ///< tau-b
    std::optional<double> spearman;  ///< rho
};

/// What a stage has done so far.
struct stage_report {
    std::size_t judged = 0;  ///< failures included
    std::size_t failed = 0;
    std::size_t passed = 0;        ///< went on to the next stage; 0 for the last one
    stage_agreement with_next;     ///< nothing for the last one
};

namespace detail {

/// The bookkeeping of staged_evaluator, without its types.
class stage_race {
public:
    /// Throws bad_input for stages that are not as promised above or that rank by a metric which their
    /// evaluator does not provide.
    stage_race(staged_settings settings, std::span<const std::vector<metric_id>> provided);

    [[nodiscard]] const stage& at(std::size_t k) const { return settings_.stages[k]; }
    void begin(std::span<const candidate> candidates);
    /// Who is judged in stage k: to be called for each stage in order.
    [[nodiscard]] std::vector<candidate> field(std::size_t k);
    /// Throws bad_input for another number of evaluations than the field has candidates.
    void take(std::size_t k, std::vector<evaluation> evaluations);
    /// One per candidate, in their order.
    [[nodiscard]] std::vector<evaluation> finish();
    [[nodiscard]] std::vector<stage_report> report() const;

private:
    struct tally {
        std::size_t judged = 0, failed = 0, passed = 0;
        std::vector<double> here, next;  // values of those judged here and in the next stage
    };
    void choose(std::size_t k);
    void drop(std::size_t k, std::size_t runner, std::size_t room, std::size_t of);
    [[nodiscard]] std::vector<std::size_t> best_first() const;

    staged_settings settings_;
    std::vector<metric_id> promised_;  // by the last stage
    std::vector<tally> tallies_;
    std::vector<candidate> candidates_;
    std::vector<evaluation> results_;
    std::vector<std::size_t> running_;  // positions of candidates still in the race
    std::vector<double> values_;        // their values in the last stage, to be minimised
};

}  // namespace detail

/// Successive halving (Jamieson and Talwalkar 2016) within each batch: evaluator k judges stage k, and
/// the best share of what it judged goes on to stage k + 1. The evaluators must outlive it; the same
/// one may serve several stages with different effort.
///
/// A candidate that reached the last stage has that stage's evaluation; one that failed in any stage
/// has that failure, with the stage named. One that was left behind is done, but its metrics are
/// `not_resolvable`: rough numbers never stand beside exact ones, so it ranks on no front.
///
/// Who goes on depends on the batch, so a study always gives it whole ones: a budget of evaluations may
/// be exceeded by less than a batch, and a batch that was recorded in part before a crash is judged again
/// as a whole.
template <Evaluator... Stages>
    requires(sizeof...(Stages) > 0)
class staged_evaluator
    : public detail::provided_of<
          std::tuple_element_t<sizeof...(Stages) - 1, std::tuple<Stages...>>> {
public:
    static constexpr thread_safety safety =
        std::min({thread_safety::basic, static_cast<thread_safety>(Stages::safety)...});

    /// Throws bad_input for a number of stages that is not the number of evaluators, for effort or
    /// share out of range, and for a metric that a stage's evaluator does not provide.
    explicit staged_evaluator(staged_settings settings, Stages&... evaluators)
        : race_(std::move(settings),
                std::vector<std::vector<metric_id>>{std::as_const(evaluators).metrics()...}),
          evaluators_(evaluators...) {}

    /// Those of the last stage.
    [[nodiscard]] std::vector<metric_id> metrics() const {
        return std::as_const(std::get<sizeof...(Stages) - 1>(evaluators_)).metrics();
    }

    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity f) {
        race_.begin(candidates);
        std::size_t k = 0;
        const auto run_stage = [&](auto& evaluator) {
            const std::vector<candidate> field = race_.field(k);
            if (!field.empty()) {
                race_.take(k, evaluator.evaluate(field, {f.effort * race_.at(k).effort}));
            }
            ++k;
        };
        std::apply([&](Stages&... e) { (run_stage(e), ...); }, evaluators_);
        return race_.finish();
    }

    [[nodiscard]] static constexpr bool judges_batches() noexcept { return sizeof...(Stages) > 1; }

    /// One entry per stage, over all batches so far.
    [[nodiscard]] std::vector<stage_report> report() const { return race_.report(); }

private:
    detail::stage_race race_;
    std::tuple<Stages&...> evaluators_;
};

}  // namespace lathe
