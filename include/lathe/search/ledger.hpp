// SPDX-License-Identifier: Apache-2.0
// The record of a study and everything decided from it. Compiled code: its bits do not depend on
// the flags of the program that includes it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lathe/constraint/aggregate.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search/goals.hpp"

namespace lathe {

enum class verdict : std::uint8_t {
    feasible,   ///< every interval keeps its limit
    undecided,  ///< the values keep the limits, some interval does not
    infeasible
};

/// How a trial stands to the limits of one scenario.
struct judgement {
    lathe::violation total;
    std::vector<lathe::violation> each;  ///< one per limit of the scenario

    [[nodiscard]] lathe::verdict verdict() const noexcept {
        if (total.feasible()) return lathe::verdict::feasible;
        return total.amount == 0.0 ? lathe::verdict::undecided : lathe::verdict::infeasible;
    }
};

/// Trials with their goals. Pointers and spans it returns are valid until the next add().
class study_ledger {
public:
    /// Throws bad_input as complete() does.
    explicit study_ledger(search_goals goals);

    [[nodiscard]] const search_goals& goals() const noexcept { return goals_; }

    /// Makes relative limits absolute. Throws bad_input if the reference has no value for one of
    /// them.
    void set_reference(trial reference);
    [[nodiscard]] const std::optional<trial>& reference() const noexcept { return reference_; }
    /// Limits of a scenario, by its position in the goals. This, and everything below that judges
    /// trials, throws unsupported where limits are relative and the reference is not set.
    [[nodiscard]] std::span<const limit> limits(std::size_t scenario) const {
        return known_limits().at(scenario);
    }

    /// Do the exact metrics known so far break a limit of every scenario?
    [[nodiscard]] bool refuses(std::span<const metric_estimate> metrics) const;
    [[nodiscard]] judgement judge(std::span<const metric_estimate> metrics,
                                  std::size_t scenario) const;
    /// The best verdict over the scenarios; infeasible for a trial that was refused or failed.
    [[nodiscard]] lathe::verdict verdict_of(const trial& t) const;

    /// What the optimizer is told. The violation is that of the scenario nearest to being kept: a
    /// member is worth having when it serves one. With several scenarios the violation of each one
    /// follows the objectives as an objective of its own, so that none is forgotten. A member
    /// without a value for an objective counts as failed.
    [[nodiscard]] outcome outcome_of(const trial& t, std::uint64_t id) const;
    /// Number of objectives that outcome_of gives.
    [[nodiscard]] std::size_t outcome_objectives() const noexcept;

    /// Numbers the trial and updates the front. O(front).
    const trial& add(trial t);
    [[nodiscard]] std::span<const trial> trials() const noexcept { return trials_; }
    /// The trial of a canonical genotype, or nullptr.
    [[nodiscard]] const trial* find(const genotype& canonical) const;
    [[nodiscard]] std::size_t count(trial_status status) const noexcept {
        return counts_[static_cast<std::size_t>(status)];
    }

    /// Ids of the trials that no other dominates, ascending; exact. Only trials whose values keep
    /// the limits of some scenario and have all objectives take part; members of equal value stay.
    [[nodiscard]] std::vector<std::uint64_t> front() const;
    [[nodiscard]] std::size_t front_size() const noexcept { return front_.size(); }

    /// There are trials, and none keeps the limits of any scenario.
    [[nodiscard]] bool all_infeasible() const noexcept { return !trials_.empty() && !any_kept_; }
    /// While all are infeasible, the ids of the trials that break the limits of some scenario least,
    /// ascending: what there is instead of a front. O(trials * limits).
    [[nodiscard]] std::vector<std::uint64_t> least_violating() const;

    /// The limit of the scenario that is in the way most; none without a trial or a limit.
    [[nodiscard]] std::optional<tightest_constraint> tightest(std::size_t scenario) const;
    /// The trial that breaks the scenario's limits least, or nullptr.
    [[nodiscard]] const trial* nearest(std::size_t scenario) const;

private:
    [[nodiscard]] const std::vector<std::vector<limit>>& known_limits() const;
    /// Of the scenario nearest to being kept.
    [[nodiscard]] double violation_of(const trial& t) const;
    /// Objectives as numbers to minimise; empty if one is missing.
    [[nodiscard]] std::vector<double> objectives_of(const trial& t) const;

    search_goals goals_;
    std::vector<std::vector<limit>> limits_;
    std::optional<trial> reference_;
    std::vector<trial> trials_;
    std::unordered_map<genotype, std::size_t, genotype_hash> by_genotype_;
    std::array<std::size_t, 3> counts_{};
    bool any_kept_ = false;
    struct front_member {
        std::uint64_t id;
        std::vector<double> objectives;
    };
    std::vector<front_member> front_;
};

/// The scenario's limits, absolute by what the reference member has. Throws bad_input if a relative
/// one has no value there.
[[nodiscard]] std::vector<limit> resolve_limits(const scenario& s,
                                                std::span<const metric_estimate> reference);

/// The value of a metric, "not measured" if it is not there.
[[nodiscard]] estimate find_metric(std::span<const metric_estimate> metrics, const metric_id& id);

}  // namespace lathe
