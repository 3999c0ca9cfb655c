// SPDX-License-Identifier: Apache-2.0
// A study: ask the optimizer, measure, tell it, remember.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "lathe/cost_model/concept.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/choice.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search/goals.hpp"
#include "lathe/search/ledger.hpp"
#include "lathe/search/measuring.hpp"
#include "lathe/search/stop_rules.hpp"
#include "lathe/search/termination.hpp"
#include "lathe/search_space/concept.hpp"

namespace lathe {

struct study_settings {
    std::size_t batch = 8;  ///< proposals asked for, and measured, together; from 1
    /// What relative limits refer to; by default the largest member of a space that has one.
    std::optional<genotype> reference = std::nullopt;
    /// Identifies what the answers of evaluator and cost models depend on: trained weights, and the
    /// machine where time is measured. A store with another one is refused.
    hash64 judge = 0;
};

/// Connects one space, one evaluator, one optimizer and any number of cost models; all must outlive
/// it. The models are asked in the order given, for every scenario, then the evaluator: put cheap
/// and exact ones first, because a member whose exact metrics break a limit of every scenario is
/// refused and costs nothing more. Where two components give the same metric, the later one's value
/// stands. Everything that happens is a function of the seeds and of the metrics, so a study that
/// is kept in a store continues as if it had never been interrupted.
template <SearchSpace Space, Evaluator Judge, Optimizer Strategy, CostModel... Models>
class study {
public:
    /// Throws bad_input for goals that are not complete, for a metric that no component provides,
    /// for an evaluator's metric that depends on the deployment where there are several scenarios,
    /// for relative limits without a reference member, and for a batch of 0.
    study(const Space& space, Judge& judge, Strategy& strategy, search_goals goals,
          study_settings settings, Models&... models)
        : space_(&space),
          judge_(&judge),
          strategy_(&strategy),
          models_(models...),
          settings_(std::move(settings)),
          ledger_(std::move(goals)) {
        detail::check_batch(settings_.batch);
        std::vector<metric_id> provided = judge.metrics();
        detail::check_judged(ledger_.goals(), provided);
        (detail::append(provided, models.metrics()), ...);
        detail::check_provided(ledger_.goals(), provided);
        if (!settings_.reference) {
            if constexpr (requires { std::optional<genotype>(space.largest()); }) {
                settings_.reference = space.largest();
            }
        }
        detail::check_reference(ledger_.goals(), settings_.reference.has_value());
        // What one member lowers to tells spaces of equal axes apart.
        const genotype one = settings_.reference.value_or(
            genotype{std::vector<std::uint16_t>(space.axes().size(), 0)});
        setup_ =
            detail::setup_hash(space.axes(), ledger_.goals(), settings_.batch,
                               space.lower(one).identity_hash(), settings_.judge, strategy.state());
    }

    /// The same for typed goals; what no component provides does not compile.
    template <class... Used>
    study(const Space& space, Judge& judge, Strategy& strategy, const typed_goals<Used...>& goals,
          study_settings settings, Models&... models)
        : study(space, judge, strategy, goals.untyped(), std::move(settings), models...) {
        (static_cast<void>(detail::require_provided<Used, Judge, Models...>{}), ...);
    }

    // A temporary space would be gone at the first step.
    study(const Space&&, Judge&, Strategy&, search_goals, study_settings, Models&...) = delete;
    template <class... Used>
    study(const Space&&, Judge&, Strategy&, const typed_goals<Used...>&, study_settings,
          Models&...) = delete;

    study(const study&) = delete;
    study& operator=(const study&) = delete;

    /// Replays what the store holds and keeps every further event in it. To be called once, before
    /// the first step. Throws bad_input otherwise, and if the store holds another study.
    template <StudyStore Store>
    void keep_in(Store& store) {
        detail::check_unused(keep_ || ledger_.reference() || !pending_.empty() || steps_ > 0);
        std::vector<study_event> events = store.events();
        if (events.empty()) store.append(study_started{setup_});
        recorded_ = detail::check_events(std::move(events), setup_);
        keep_ = [&store](const study_event& e) { store.append(e); };
    }

    /// Looks at up to `most` members of the current batch (at all of them, if the evaluator judges
    /// batches); asks for a new batch when the last one is used up, and tells the optimizer when one is
    /// complete. Throws what the evaluator and the store throw; the step can be repeated then.
    step_record step(std::size_t most = std::numeric_limits<std::size_t>::max()) {
        const std::size_t before = ledger_.trials().size();
        prepare_reference();
        if (pending_.empty()) {
            pending_ = strategy_->ask(settings_.batch);
            batch_start_ = before;
        }
        if (judges_batches(*judge_)) most = pending_.size();
        const std::size_t taken = look_at(most);
        settle(taken);
        ++steps_;
        return record_of_step(taken, ledger_.trials().size() - before);
    }

    /// Steps until a termination or a stop rule holds, or a probe asks to stop; watchers are probes and
    /// stop rules in any order.
    template <class... Watchers>
        requires((Probe<Watchers> || StopRule<Watchers>) && ...)
    stop_reason run(const termination& until, Watchers&&... watchers) {
        const auto start = std::chrono::steady_clock::now();
        const std::uint64_t first = steps_;
        std::size_t idle = 0;
        step_record now = record_of_step(0, 0);
        for (;;) {
            const std::size_t used = evaluations();
            stop_reason why =
                why_stop(until, {used, ledger_.count(trial_status::refused), idle,
                                 std::chrono::steady_clock::now() - start, steps_ - first});
            ((why = why == stop_reason::running ? ask_rule(watchers, now) : why), ...);
            if (why != stop_reason::running) return why;
            now = step(until.evaluations - used);
            if (now.proposals == 0) return stop_reason::exhausted;
            idle = now.added == 0 ? idle + 1 : 0;
            bool stop = false;
            ((stop = show_probe(watchers, now) == next_step::stop || stop), ...);
            if (stop) return stop_reason::requested;
        }
    }

    /// One choice per scenario, in the order of the goals. `fresh`, a cost model, measures
    /// finalists beside the reference member; its metrics replace the recorded ones.
    template <CostModel Fresh>
    [[nodiscard]] std::vector<scenario_choice> choose(Fresh& fresh,
                                                      const choice_settings& how = {}) const {
        return choose_with(
            [this, &fresh](std::span<const genotype> members, const scenario& s) {
                std::vector<network> nets;
                for (const genotype& g : members) nets.push_back(space_->lower(g));
                return detail::estimate_for(fresh, nets, s);
            },
            how);
    }
    /// By the recorded metrics alone.
    [[nodiscard]] std::vector<scenario_choice> choose() const { return choose_with({}, {}); }

    [[nodiscard]] const study_ledger& ledger() const noexcept { return ledger_; }
    [[nodiscard]] std::size_t evaluations() const noexcept {
        return ledger_.count(trial_status::evaluated) + ledger_.count(trial_status::failed);
    }

private:
    template <class Watcher>
    stop_reason ask_rule(Watcher& watcher, const step_record& now) const {
        if constexpr (StopRule<Watcher>) return watcher(now, ledger_);
        return stop_reason::running;
    }
    template <class Watcher>
    static next_step show_probe(Watcher& watcher, const step_record& now) {
        if constexpr (Probe<Watcher>) return watcher(now);
        return next_step::go_on;
    }

    std::vector<scenario_choice> choose_with(const fresh_measurement& fresh,
                                             const choice_settings& how) const {
        std::vector<scenario_choice> choices;
        for (std::size_t s = 0; s < ledger_.goals().scenarios.size(); ++s) {
            choices.push_back(lathe::choose(ledger_, s, fresh, how));
        }
        return choices;
    }

    /// A reference that cannot be measured matters only where limits refer to it. One that is of no
    /// use is not kept: the study can go on when it is measured better.
    void prepare_reference() {
        if (ledger_.reference() || !settings_.reference) return;
        const trial reference =
            recorded_.reference ? *recorded_.reference
                                : std::move(measure({&*settings_.reference, 1}, false, 0).front());
        const bool measured = reference.status == trial_status::evaluated;
        if (!measured && needs_reference(ledger_.goals())) detail::throw_unmeasured(reference);
        study_ledger with_reference(ledger_.goals());
        if (measured) with_reference.set_reference(reference);
        if (keep_ && !recorded_.reference) keep_(reference_measured{reference});
        if (measured) {
            ledger_ = std::move(with_reference);
        } else {
            settings_.reference.reset();
        }
    }

    /// Makes trials of the first pending proposals, `most` new ones at most: from the store as long
    /// as it has some, then by measuring. Returns how many proposals that covers.
    std::size_t look_at(std::size_t most) {
        std::vector<genotype> fresh;
        std::size_t taken = 0;
        std::size_t added = 0;
        for (; taken < pending_.size() && added < most; ++taken) {
            genotype g = space_->canonical(pending_[taken].genes);
            if (ledger_.find(g) || std::ranges::find(fresh, g) != fresh.end()) continue;
            ++added;
            if (recorded_.trials.empty()) {
                fresh.push_back(std::move(g));
            } else {
                ledger_.add(detail::take_recorded(recorded_, g));
                ++replayed_;
            }
        }
        for (trial& t : measure_new(fresh)) {
            t.id = ledger_.trials().size();
            if (keep_) keep_(trial_recorded{t});
            ledger_.add(std::move(t));
        }
        return taken;
    }

    /// Trials of members that are not in the ledger. An evaluator that judges batches is given the
    /// whole of the present one, of which an earlier session may have recorded a part.
    std::vector<trial> measure_new(const std::vector<genotype>& fresh) {
        if (fresh.empty()) return {};
        if (!judges_batches(*judge_)) return measure(fresh, true, ledger_.trials().size());
        std::vector<genotype> batch;
        for (const proposal& p : pending_) {
            genotype g = space_->canonical(p.genes);
            const trial* known = ledger_.find(g);
            if (known != nullptr && known->id < batch_start_) continue;
            if (std::ranges::find(batch, g) == batch.end()) batch.push_back(std::move(g));
        }
        std::vector<trial> trials = measure(batch, true, batch_start_);
        std::erase_if(trials, [&](const trial& t) { return ledger_.find(t.genes) != nullptr; });
        return trials;
    }

    void settle(std::size_t taken) {
        for (std::size_t i = 0; i < taken; ++i) {
            const trial* t = ledger_.find(space_->canonical(pending_[i].genes));
            outcomes_.push_back(ledger_.outcome_of(*t, pending_[i].id));
        }
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
        settled_ += taken;
        if (pending_.empty() && !outcomes_.empty()) {
            strategy_->tell(outcomes_);
            outcomes_.clear();
        }
    }

    /// Trials of canonical genotypes, in order; their candidates are numbered from `first_id`.
    std::vector<trial> measure(std::span<const genotype> members, bool may_refuse,
                               std::uint64_t first_id) {
        detail::measuring batch(members);
        batch.lower(*space_);
        const auto ask_model = [&](auto& model) {
            batch.estimate(model, ledger_.goals());
            if (may_refuse) batch.refuse(ledger_);
        };
        std::apply([&](Models&... models) { (ask_model(models), ...); }, models_);
        batch.evaluate(*judge_, ledger_.goals(), first_id);
        return std::move(batch).finish();
    }

    [[nodiscard]] step_record record_of_step(std::size_t taken, std::size_t added) const {
        step_record r;
        r.step = steps_;
        r.proposals = taken;
        r.added = added;
        r.trials = ledger_.trials().size();
        r.evaluated = ledger_.count(trial_status::evaluated);
        r.refused = ledger_.count(trial_status::refused);
        r.failed = ledger_.count(trial_status::failed);
        r.repeats = settled_ - r.trials;
        r.front = ledger_.front_size();
        r.all_infeasible = ledger_.all_infeasible();
        r.replayed = replayed_;
        if constexpr (LevelledOptimizer<Strategy>) r.levels = strategy_->levels();
        return r;
    }

    const Space* space_;
    Judge* judge_;
    Strategy* strategy_;
    std::tuple<Models&...> models_;
    study_settings settings_;
    study_ledger ledger_;
    hash64 setup_ = 0;
    detail::recorded_events recorded_;
    std::function<void(const study_event&)> keep_;
    std::vector<proposal> pending_;  ///< of the current batch, not yet settled
    std::vector<outcome> outcomes_;  ///< of the current batch, not yet told
    std::uint64_t batch_start_ = 0;  ///< trials before the current batch
    std::uint64_t steps_ = 0;
    std::size_t settled_ = 0;
    std::size_t replayed_ = 0;
};

}  // namespace lathe
