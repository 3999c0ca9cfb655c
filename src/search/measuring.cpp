// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/measuring.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "format/utf8.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/evaluator/checks.hpp"

namespace lathe::detail {
namespace {

constexpr std::string_view store_place = "study store";

[[noreturn]] void refuse_events(std::string problem, std::string remedy) {
    throw error(errc::bad_input, std::string(store_place), std::move(problem), std::move(remedy));
}

metric_id without_scenario(metric_id id) {
    id.scenario.clear();
    return id;
}

/// Enough for people; what a store keeps stays small.
constexpr std::size_t longest_message = 4096;

}  // namespace

recorded_events check_events(std::vector<study_event> events, hash64 setup) {
    recorded_events recorded;
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (const auto* started = std::get_if<study_started>(&events[i])) {
            if (i != 0) refuse_events("it starts twice", "restore the file from a copy");
            if (started->setup != setup) {
                refuse_events(
                    fmt::format("it holds a study with setup {}, not {}", to_hex(started->setup),
                                to_hex(setup)),
                    "continue with the same space, goals, weights, optimizer, seed and machine, or "
                    "begin a new study");
            }
        } else if (i == 0) {
            refuse_events("its first event is no start", "restore the file from a copy");
        } else if (auto* measured = std::get_if<reference_measured>(&events[i])) {
            if (recorded.reference || !recorded.trials.empty()) {
                refuse_events("its reference member is out of place",
                              "restore the file from a copy");
            }
            recorded.reference = std::move(measured->reference);
        } else {
            recorded.trials.push_back(std::move(std::get<trial_recorded>(events[i]).trial));
        }
    }
    return recorded;
}

trial take_recorded(recorded_events& events, const genotype& expected) {
    if (events.trials.front().genes != expected) {
        refuse_events(fmt::format("trial {} is member {}, but the optimizer now proposes {}",
                                  events.trials.front().id, to_string(events.trials.front().genes),
                                  to_string(expected)),
                      "it was written by another version; begin a new study");
    }
    trial t = std::move(events.trials.front());
    events.trials.pop_front();
    return t;
}

hash64 setup_hash(const std::vector<axis>& axes, const search_goals& goals, std::size_t batch,
                  hash64 member_network, hash64 judge, std::string_view optimizer_state) {
    hasher h;
    h.add(axes.size());
    for (const axis& a : axes) {
        h.add(a.name).add(a.options.size());
        for (const std::string& o : a.options) h.add(o);
    }
    h.add(goals.objectives.size());
    for (const metric_id& m : goals.objectives) h.add(to_string(m));
    h.add(goals.scenarios.size());
    for (const scenario& s : goals.scenarios) {
        h.add(s.name).add(static_cast<std::uint64_t>(s.target.batch));
        h.add(static_cast<std::uint64_t>(s.target.threads));
        h.add(static_cast<std::uint64_t>(s.target.streams)).add(s.limits.size());
        for (const limit_spec& l : s.limits) {
            h.add(to_string(l.metric)).add(static_cast<std::uint64_t>(l.side));
            h.add(std::bit_cast<std::uint64_t>(l.value)).add(std::uint64_t{l.relative});
        }
    }
    h.add(batch).add(member_network).add(judge);
    h.add(optimizer_state);
    return h.value();
}

void append(std::vector<metric_id>& all, const std::vector<metric_id>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

void check_provided(const search_goals& goals, const std::vector<metric_id>& provided) {
    std::vector<std::string> known;
    for (const metric_id& id : provided) {
        known.push_back(to_string(without_scenario(id)));
        if (is_metric(id.of, id.by)) continue;
        throw error(errc::bad_input, "metrics()", known.back() + " is no metric",
                    "a latency has a statistic, an energy may have one, nothing else has");
    }
    const auto check = [&](const metric_id& wanted, const std::string& place) {
        const std::string name = to_string(without_scenario(wanted));
        if (std::ranges::find(known, name) != known.end()) return;
        const std::vector<std::string_view> names(known.begin(), known.end());
        const std::string_view near = nearest_name(name, names);
        throw error(errc::bad_input, place, "nothing here measures " + name,
                    near.empty() ? fmt::format("measured are: {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean '{}'?", near));
    };
    for (const metric_id& m : goals.objectives) check(m, "objective '" + objective_text(m) + "'");
    for (const scenario& s : goals.scenarios) {
        for (const limit_spec& l : s.limits) check(l.metric, "scenario '" + s.name + "'");
    }
}

void check_judged(const search_goals& goals, const std::vector<metric_id>& judged) {
    if (goals.scenarios.size() == 1) return;
    const auto differs = std::ranges::find_if(
        judged, [](const metric_id& id) { return depends_on_deployment(id.of); });
    if (differs == judged.end()) return;
    throw error(errc::bad_input, "evaluator",
                fmt::format("{} differs between {} scenarios, and an evaluator is not told which",
                            to_string(*differs), goals.scenarios.size()),
                "let a cost model give it, or search for one scenario");
}

void check_reference(const search_goals& goals, bool given) {
    if (given || !needs_reference(goals)) return;
    throw error(errc::bad_input, "limits",
                "a limit in per cent needs a reference member, and this space has no largest one",
                "give study_settings::reference, or limits in units");
}

void check_batch(std::size_t batch) {
    if (batch > 0) return;
    throw error(errc::bad_input, "study_settings::batch", "no proposal is asked for",
                "give at least 1");
}

void check_unused(bool used) {
    if (!used) return;
    throw error(errc::bad_input, std::string(store_place),
                "the study has begun, or is kept in a store already",
                "call keep_in() once, before the first step");
}

void throw_unmeasured(const trial& reference) {
    throw error(errc::unsupported, "reference member " + to_string(reference.genes),
                "it could not be measured: " + reference.message, "choose another reference");
}

std::vector<std::vector<metric_estimate>> lists_of(const cost_table& table, std::size_t networks,
                                                   const std::string& scenario) {
    if (table.networks() != networks) {
        throw error(errc::bad_input, "cost model",
                    fmt::format("{} rows for {} networks", table.networks(), networks),
                    "estimate() gives one row per network");
    }
    std::vector<std::vector<metric_estimate>> lists(networks);
    for (std::size_t m = 0; m < table.metrics().size(); ++m) {
        metric_id id = without_scenario(table.metrics()[m]);
        if (depends_on_deployment(id.of)) id.scenario = scenario;
        const std::span<const estimate> column = table.column(m);
        for (std::size_t i = 0; i < networks; ++i) lists[i].push_back({id, column[i]});
    }
    return lists;
}

measuring::measuring(std::span<const genotype> members) {
    for (const genotype& g : members) trials_.push_back({0, g, trial_status::evaluated, {}, {}});
}

std::vector<candidate> measuring::candidates(std::uint64_t first_id) const {
    std::vector<candidate> list;
    for (std::size_t k = 0; k < nets_.size(); ++k) {
        list.push_back({first_id + owner_[k], trials_[owner_[k]].genes, &nets_[k]});
    }
    return list;
}

void measuring::fail(std::size_t trial) { fail(trial, evaluation::current_failure().message); }

void measuring::fail(std::size_t trial, std::string why) {
    trials_[trial].status = trial_status::failed;
    why.resize(std::min(why.size(), longest_message));
    trials_[trial].message = made_utf8(why);
}

void measuring::take_metrics(std::size_t trial, const std::vector<metric_estimate>& metrics) {
    auto& own = trials_[trial].metrics;
    for (const metric_estimate& m : metrics) {
        if (const auto flaw = flaw_of(m.value); !flaw.empty()) {
            fail(trial, fmt::format("{} {}", to_string(m.id), flaw));
            return;
        }
        const auto earlier = std::ranges::find(own, m.id, &metric_estimate::id);
        if (earlier == own.end()) {
            own.push_back(m);
        } else {
            earlier->value = m.value;
        }
    }
}

void measuring::merge(const std::vector<std::vector<metric_estimate>>& lists) {
    for (std::size_t k = 0; k < lists.size(); ++k) take_metrics(owner_[k], lists[k]);
}

void measuring::merge(std::vector<evaluation> evaluations, const search_goals& goals) {
    check_count(evaluations.size(), nets_.size());
    for (std::size_t k = 0; k < evaluations.size(); ++k) {
        evaluation& e = evaluations[k];
        if (e.status == evaluation_status::failed) {
            fail(owner_[k], std::move(e.message));
            continue;
        }
        for (metric_estimate& m : e.metrics) {
            if (depends_on_deployment(m.id.of)) m.id.scenario = goals.scenarios.front().name;
        }
        take_metrics(owner_[k], e.metrics);
    }
}

void measuring::refuse(const study_ledger& ledger) {
    for (const std::size_t i : owner_) {
        if (trials_[i].status == trial_status::evaluated && ledger.refuses(trials_[i].metrics)) {
            trials_[i].status = trial_status::refused;
        }
    }
    drop_settled();
}

void measuring::drop_settled() {
    std::size_t kept = 0;
    for (std::size_t k = 0; k < nets_.size(); ++k) {
        if (trials_[owner_[k]].status != trial_status::evaluated) continue;
        if (kept != k) {
            nets_[kept] = std::move(nets_[k]);
            owner_[kept] = owner_[k];
        }
        ++kept;
    }
    nets_.erase(nets_.begin() + static_cast<std::ptrdiff_t>(kept), nets_.end());
    owner_.resize(kept);
}

}  // namespace lathe::detail
