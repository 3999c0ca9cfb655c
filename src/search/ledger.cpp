// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/ledger.hpp"

#include <algorithm>
#include <limits>

#include "lathe/core/error.hpp"
#include "lathe/pareto/dominance.hpp"

namespace lathe {
namespace {

bool is_fact(provenance p) { return p == provenance::exact || p == provenance::lower_bound; }

}  // namespace

estimate find_metric(std::span<const metric_estimate> metrics, const metric_id& id) {
    for (const metric_estimate& m : metrics) {
        if (m.id == id) return m.value;
    }
    return estimate::missing(estimate_status::not_measured);
}

std::vector<limit> resolve_limits(const scenario& s, std::span<const metric_estimate> reference) {
    std::vector<metric_id> ids;
    std::vector<estimate> values;
    for (const metric_estimate& m : reference) {
        ids.push_back(m.id);
        values.push_back(m.value);
    }
    std::vector<limit> limits;
    for (const limit_spec& l : s.limits) limits.push_back(resolve(l, {ids, values}));
    return limits;
}

study_ledger::study_ledger(search_goals goals) : goals_(complete(std::move(goals))) {
    if (needs_reference(goals_)) return;
    for (const scenario& s : goals_.scenarios) limits_.push_back(resolve_limits(s, {}));
}

void study_ledger::set_reference(trial reference) {
    std::vector<std::vector<limit>> all;
    for (const scenario& s : goals_.scenarios) all.push_back(resolve_limits(s, reference.metrics));
    limits_ = std::move(all);
    reference_ = std::move(reference);
}

const std::vector<std::vector<limit>>& study_ledger::known_limits() const {
    if (!limits_.empty()) return limits_;
    throw error(errc::unsupported, "study ledger",
                "limits in per cent refer to a member that was not measured yet",
                "set the reference, or run a step of the study, first");
}

bool study_ledger::refuses(std::span<const metric_estimate> metrics) const {
    return std::ranges::all_of(known_limits(), [&](const std::vector<limit>& limits) {
        return std::ranges::any_of(limits, [&](const limit& l) {
            const estimate e = find_metric(metrics, l.metric);
            if (!e.known() || !is_fact(e.source)) return false;
            const violation v = l.violation(e);
            return v.decided && v.amount > 0.0;
        });
    });
}

judgement study_ledger::judge(std::span<const metric_estimate> metrics,
                              std::size_t scenario) const {
    judgement j;
    for (const limit& l : limits(scenario)) {
        j.each.push_back(l.violation(find_metric(metrics, l.metric)));
    }
    j.total = combine(j.each);
    return j;
}

verdict study_ledger::verdict_of(const trial& t) const {
    verdict best = verdict::infeasible;
    if (t.status != trial_status::evaluated) return best;
    for (std::size_t s = 0; s < known_limits().size(); ++s) {
        best = std::min(best, judge(t.metrics, s).verdict());
    }
    return best;
}

std::vector<double> study_ledger::objectives_of(const trial& t) const {
    std::vector<double> values;
    for (const metric_id& id : goals_.objectives) {
        const estimate e = find_metric(t.metrics, id);
        if (!e.known()) return {};
        values.push_back(natural_direction(id.of) == direction::maximize ? -e.value : e.value);
    }
    return values;
}

std::size_t study_ledger::outcome_objectives() const noexcept {
    const std::size_t scenarios = goals_.scenarios.size();
    return goals_.objectives.size() + (scenarios > 1 ? scenarios : 0);
}

outcome study_ledger::outcome_of(const trial& t, std::uint64_t id) const {
    outcome o;
    o.id = id;
    if (t.status == trial_status::failed) {
        o.status = outcome_status::failed;
        return o;
    }
    std::vector<double> amounts;
    for (std::size_t s = 0; s < known_limits().size(); ++s) {
        amounts.push_back(judge(t.metrics, s).total.amount);
    }
    o.violation = *std::ranges::min_element(amounts);
    if (o.violation > 0.0) return o;
    o.objectives = objectives_of(t);
    if (o.objectives.empty()) {
        o.status = outcome_status::failed;
    } else if (amounts.size() > 1) {
        o.objectives.insert(o.objectives.end(), amounts.begin(), amounts.end());
    }
    return o;
}

const trial& study_ledger::add(trial t) {
    t.id = trials_.size();
    by_genotype_.emplace(t.genes, trials_.size());
    ++counts_[static_cast<std::size_t>(t.status)];
    trials_.push_back(std::move(t));
    const trial& added = trials_.back();
    if (verdict_of(added) == verdict::infeasible) return added;
    any_kept_ = true;

    front_member fresh{added.id, objectives_of(added)};
    if (fresh.objectives.empty()) return added;
    for (const front_member& m : front_) {
        if (compare(m.objectives, fresh.objectives) == relation::dominates) return added;
    }
    std::erase_if(front_, [&](const front_member& m) {
        return compare(fresh.objectives, m.objectives) == relation::dominates;
    });
    front_.push_back(std::move(fresh));
    return added;
}

std::vector<std::uint64_t> study_ledger::least_violating() const {
    std::vector<std::uint64_t> ids;
    if (!all_infeasible()) return ids;
    double least = std::numeric_limits<double>::infinity();
    for (const trial& t : trials_) {
        if (t.status == trial_status::failed) continue;
        const double amount = violation_of(t);
        if (amount > least) continue;
        if (amount < least) ids.clear();
        least = amount;
        ids.push_back(t.id);
    }
    return ids;
}

double study_ledger::violation_of(const trial& t) const {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < known_limits().size(); ++s) {
        least = std::min(least, judge(t.metrics, s).total.amount);
    }
    return least;
}

const trial* study_ledger::find(const genotype& canonical) const {
    const auto it = by_genotype_.find(canonical);
    return it == by_genotype_.end() ? nullptr : &trials_[it->second];
}

std::vector<std::uint64_t> study_ledger::front() const {
    std::vector<std::uint64_t> ids;
    for (const front_member& m : front_) ids.push_back(m.id);
    return ids;  // members are only ever appended, so this is ascending
}

std::optional<tightest_constraint> study_ledger::tightest(std::size_t scenario) const {
    if (trials_.empty()) return std::nullopt;
    std::vector<violation> all;
    for (const trial& t : trials_) {
        if (t.status == trial_status::failed) continue;
        for (const limit& l : limits(scenario)) {
            const estimate e = find_metric(t.metrics, l.metric);
            // What refusal made unnecessary to measure is not to blame.
            const bool spared = t.status == trial_status::refused && !e.known();
            all.push_back(spared ? violation{} : l.violation(e));
        }
    }
    const std::size_t columns = limits(scenario).size();
    if (columns == 0) return std::nullopt;
    return find_tightest(all, columns);
}

const trial* study_ledger::nearest(std::size_t scenario) const {
    const trial* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const trial& t : trials_) {
        if (t.status == trial_status::failed) continue;
        const double amount = judge(t.metrics, scenario).total.amount;
        if (best == nullptr || amount < least) {
            best = &t;
            least = amount;
        }
    }
    return best;
}

}  // namespace lathe
