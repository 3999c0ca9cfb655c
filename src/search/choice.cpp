// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

using metrics = std::vector<metric_estimate>;

double value_to_minimise(const trial& t, const metric_id& id) {
    const estimate e = find_metric(t.metrics, id);
    return natural_direction(id.of) == direction::maximize ? -e.value : e.value;
}

/// Whether every objective has a value: a stage may have left the trial behind.
bool has_objectives(const trial& t, const study_ledger& ledger) {
    return std::ranges::all_of(ledger.goals().objectives, [&](const metric_id& id) {
        return find_metric(t.metrics, id).known();
    });
}

std::vector<const trial*> candidates(const study_ledger& ledger, std::size_t scenario) {
    std::vector<const trial*> list;
    for (const trial& t : ledger.trials()) {
        if (t.status == trial_status::evaluated && has_objectives(t, ledger) &&
            ledger.judge(t.metrics, scenario).verdict() != verdict::infeasible) {
            list.push_back(&t);
        }
    }
    std::ranges::sort(list, [&](const trial* a, const trial* b) {
        for (const metric_id& id : ledger.goals().objectives) {
            const double x = value_to_minimise(*a, id);
            const double y = value_to_minimise(*b, id);
            if (x != y) return x < y;
        }
        return a->id < b->id;
    });
    return list;
}

/// The recorded metrics with the fresh ones in their place.
metrics refreshed(metrics recorded, const metrics& fresh) {
    for (const metric_estimate& f : fresh) {
        const auto same = std::ranges::find(recorded, f.id, &metric_estimate::id);
        if (same == recorded.end()) {
            recorded.push_back(f);
        } else {
            same->value = f.value;
        }
    }
    return recorded;
}

double margin_of(const limit& l, const estimate& e) {
    if (!e.known()) return std::numeric_limits<double>::quiet_NaN();
    return (l.side == bound::at_most ? l.value - e.high : e.low - l.value) / l.value;
}

std::vector<limit_result> results(std::span<const limit> limits, const metrics& values) {
    std::vector<limit_result> list;
    for (const limit& l : limits) {
        const estimate e = find_metric(values, l.metric);
        list.push_back({l, e, l.violation(e), margin_of(l, e)});
    }
    return list;
}

verdict verdict_of(const std::vector<limit_result>& limits) {
    judgement j;
    for (const limit_result& r : limits) j.each.push_back(r.broken);
    j.total = combine(j.each);
    return j.verdict();
}

struct attempt_result {
    trial member;
    metrics reference;
    std::vector<limit_result> limits;
};

attempt_result attempt(const study_ledger& ledger, std::size_t scenario, const trial& t,
                       const fresh_measurement& fresh) {
    const auto& reference = ledger.reference();
    attempt_result result{t, reference ? reference->metrics : metrics{}, {}};
    if (fresh) {
        std::vector<genotype> members{t.genes};
        if (reference) members.push_back(reference->genes);
        const auto measured = fresh(members, ledger.goals().scenarios[scenario]);
        if (measured.size() != members.size()) {
            throw error(errc::bad_input, "choose",
                        fmt::format("the fresh measurement gave {} results for {} members",
                                    measured.size(), members.size()),
                        "give one list of metrics per member");
        }
        result.member.metrics = refreshed(std::move(result.member.metrics), measured[0]);
        if (reference) {
            // A reference that could not be measured this time keeps its recorded value.
            metrics known = measured[1];
            std::erase_if(known, [](const metric_estimate& m) { return !m.value.known(); });
            result.reference = refreshed(std::move(result.reference), known);
        }
    }
    result.limits = results(resolve_limits(ledger.goals().scenarios[scenario], result.reference),
                            result.member.metrics);
    return result;
}

/// Metrics whose limits were not shown to be kept, with their recorded values. A wide interval on a
/// disturbed machine says nothing about other members.
void remember_failures(const attempt_result& failed, const trial& recorded, metrics& seen) {
    for (const limit_result& r : failed.limits) {
        if (r.broken.feasible() || (r.broken.amount == 0.0 && r.value.noisy)) continue;
        seen.push_back({r.bound.metric, find_metric(recorded.metrics, r.bound.metric)});
    }
}

bool no_better_than_a_failure(const trial& t, const metrics& failures) {
    return std::ranges::any_of(failures, [&](const metric_estimate& f) {
        const estimate e = find_metric(t.metrics, f.id);
        if (!e.known() || !f.value.known()) return false;
        return natural_direction(f.id.of) == direction::maximize ? e.value <= f.value.value
                                                                 : e.value >= f.value.value;
    });
}

/// "latency_p99@edge <= 400 us: measured 396 us, surely below 412 us".
std::string describe_limit(const limit_result& r) {
    if (!r.value.known()) return to_string(r.bound) + ": no value";
    const bool upper = r.bound.side == bound::at_most;
    return fmt::format("{}: measured {}, surely {} {}", to_string(r.bound),
                       format_value(r.bound.metric.of, r.value.value), upper ? "below" : "above",
                       format_value(r.bound.metric.of, upper ? r.value.high : r.value.low));
}

std::string explain_undecided(const scenario_choice& c) {
    std::string text = fmt::format(
        "none of the {} networks measured again was shown to keep the limits", c.attempts.size());
    for (const limit_result& r : c.limits) {
        if (!r.broken.feasible()) text += "; the nearest, " + describe_limit(r);
    }
    return text;
}

std::string explain_infeasible(const study_ledger& ledger, std::size_t scenario) {
    const auto tightest = ledger.tightest(scenario);
    if (!tightest) return "no network could be evaluated";
    return "no network keeps the limits; tightest: " +
           describe(*tightest, to_string(ledger.limits(scenario)[tightest->index]));
}

double total_amount(const std::vector<limit_result>& limits) {
    std::vector<violation> each;
    for (const limit_result& r : limits) each.push_back(r.broken);
    return combine(each).amount;
}

}  // namespace

scenario_choice choose(const study_ledger& ledger, std::size_t scenario,
                       const fresh_measurement& fresh, const choice_settings& settings) {
    if (settings.attempts == 0) {
        throw error(errc::bad_input, "choice_settings::attempts", "no member may be chosen",
                    "give at least 1");
    }
    scenario_choice choice;
    choice.scenario = ledger.goals().scenarios.at(scenario).name;
    metrics failures;
    double nearest = std::numeric_limits<double>::infinity();
    for (const trial* t : candidates(ledger, scenario)) {
        if (choice.attempts.size() == settings.attempts) break;
        if (no_better_than_a_failure(*t, failures)) continue;
        attempt_result tried = attempt(ledger, scenario, *t, fresh);
        const verdict v = verdict_of(tried.limits);
        choice.attempts.push_back({t->id, v, tried.limits});
        const double amount = total_amount(tried.limits);
        const bool nearer = !choice.member || amount < nearest;
        if (v == verdict::feasible || nearer) {
            nearest = amount;
            choice.limits = tried.limits;
            choice.member = tried.member;
            choice.reference = tried.reference;
        }
        if (v == verdict::feasible) {
            choice.verdict = v;
            choice.explanation = fmt::format("network {} keeps every limit", t->id);
            return choice;
        }
        remember_failures(tried, *t, failures);
    }
    if (!choice.attempts.empty()) {
        choice.verdict = verdict::undecided;
        choice.explanation = explain_undecided(choice);
        return choice;
    }
    choice.explanation = explain_infeasible(ledger, scenario);
    if (const trial* t = ledger.nearest(scenario)) {
        choice.member = *t;
        choice.limits = results(ledger.limits(scenario), t->metrics);
    }
    if (ledger.reference()) choice.reference = ledger.reference()->metrics;
    return choice;
}

}  // namespace lathe
