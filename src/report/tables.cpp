// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "lathe/core/version.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/report/report.hpp"
#include "lathe/search/event_json.hpp"

namespace lathe {
namespace {

std::string_view to_string(verdict v) {
    switch (v) {
        case verdict::feasible:
            return "feasible";
        case verdict::undecided:
            return "undecided";
        case verdict::infeasible:
            return "infeasible";
    }
    return "";
}

json_array metrics_json(const std::vector<metric_estimate>& metrics) {
    json_array list;
    for (const metric_estimate& m : metrics) list.push_back(to_json_value(m));
    return list;
}

json_object deployment_json(const deployment& d) {
    return {{"batch", d.batch}, {"threads", d.threads}, {"streams", d.streams}};
}

json_array limits_json(const std::vector<limit_result>& limits) {
    json_array list;
    for (const limit_result& r : limits) {
        json_object o{{"limit", to_string(r.bound)},
                      {"kept", r.broken.feasible()},
                      {"decided", r.broken.decided},
                      {"bound", r.bound.value}};
        if (r.value.known()) {
            o.append("value", to_json_value(metric_estimate{r.bound.metric, r.value}));
            if (std::isfinite(r.margin)) o.append("margin", r.margin);
        }
        list.emplace_back(std::move(o));
    }
    return list;
}

json_object choice_json(const search_report& report, const scenario_report& s,
                        const scenario& goal) {
    json_object o{{"scenario", goal.name},
                  {"deployment", deployment_json(goal.target)},
                  {"verdict", s.choice.chosen() ? "chosen" : to_string(s.choice.verdict)},
                  {"explanation", s.choice.explanation}};
    if (s.choice.member) {
        const trial& t = *s.choice.member;
        o.append("network", json_object{{"trial", t.id},
                                        {"genotype", to_string(t.genes)},
                                        {"description", report.describe(t.genes)},
                                        {"metrics", metrics_json(t.metrics)}});
    }
    o.append("limits", limits_json(s.choice.limits));
    o.append("reference", metrics_json(s.choice.reference));
    if (!s.onnx.empty()) o.append("onnx", s.onnx);
    if (s.test_accuracy) {
        o.append("test_accuracy",
                 to_json_value(metric_estimate{id_of<accuracy>(), *s.test_accuracy}));
    }
    json_array attempts;
    for (const choice_attempt& a : s.choice.attempts) {
        attempts.emplace_back(json_object{{"trial", a.trial},
                                          {"verdict", to_string(a.verdict)},
                                          {"limits", limits_json(a.limits)}});
    }
    o.append("attempts", std::move(attempts));
    return o;
}

json_object machine_json(const fingerprint& m) {
    json_array caches;
    for (const cache_level& c : m.caches) {
        caches.emplace_back(json_object{{"level", c.level}, {"bytes", c.bytes}});
    }
    return {{"cpu", m.cpu},
            {"isa", m.isa},
            {"cores", m.cores},
            {"caches", std::move(caches)},
            {"os", m.os},
            {"compiler", m.compiler},
            {"libraries", json_array(m.libraries.begin(), m.libraries.end())}};
}

json_array levels_json(const std::vector<search_level>& levels) {
    json_array list;
    for (const search_level& l : levels) {
        json_object o;
        if (l.budget > 0) o.append("budget", l.budget);
        o.append("told", l.told);
        o.append("failed", l.failed);
        o.append("regions", l.regions);
        o.append("share_of_space", l.share);
        list.emplace_back(std::move(o));
    }
    return list;
}

json_array stages_json(const std::vector<stage_report>& stages) {
    json_array list;
    for (const stage_report& s : stages) {
        json_object o{{"judged", s.judged}, {"failed", s.failed}, {"passed", s.passed}};
        o.append("compared_with_next", s.with_next.pairs);
        if (s.with_next.kendall) o.append("kendall", *s.with_next.kendall);
        if (s.with_next.spearman) o.append("spearman", *s.with_next.spearman);
        list.emplace_back(std::move(o));
    }
    return list;
}

/// All metrics that some member of the front has, in the order in which they appear.
std::vector<metric_id> metrics_of(const study_ledger& ledger,
                                  const std::vector<std::uint64_t>& front) {
    std::vector<metric_id> ids = ledger.goals().objectives;
    for (const auto id : front) {
        for (const metric_estimate& m : ledger.trials()[id].metrics) {
            if (std::ranges::find(ids, m.id) == ids.end()) ids.push_back(m.id);
        }
    }
    return ids;
}

}  // namespace

std::string front_csv(const search_report& report, const study_ledger& ledger) {
    const auto front = ledger.front();
    const auto metrics = metrics_of(ledger, front);
    std::vector<std::string> columns = {"trial", "genotype", "verdict", "network"};
    for (const metric_id& id : metrics) {
        const std::string name = to_string(id);
        columns.insert(columns.end(), {name, name + ".low", name + ".high"});
    }
    csv_writer csv(std::move(columns));
    for (const auto id : front) {
        const trial& t = ledger.trials()[id];
        csv.integer(static_cast<std::int64_t>(id)).text(to_string(t.genes));
        csv.text(to_string(ledger.verdict_of(t))).text(report.describe(t.genes));
        for (const metric_id& m : metrics) {
            const estimate e = find_metric(t.metrics, m);
            if (e.known()) {
                csv.number(e.value).number(e.low).number(e.high);
            } else {
                csv.blank().blank().blank();
            }
        }
        csv.end_row();
    }
    return csv.str();
}

json_value study_json(const search_report& report, const study_ledger& ledger) {
    json_object facts;
    for (const auto& [name, text] : report.facts) facts[name] = text;
    json_array objectives;
    for (const metric_id& id : ledger.goals().objectives)
        objectives.emplace_back(objective_text(id));
    json_array front;
    for (const auto id : ledger.front()) front.emplace_back(to_json_value(ledger.trials()[id]));
    json_array choices;
    for (std::size_t s = 0; s < report.scenarios.size(); ++s) {
        choices.emplace_back(
            choice_json(report, report.scenarios[s], ledger.goals().scenarios.at(s)));
    }
    json_object o{{"version", version},
                  {"title", report.title},
                  {"facts", std::move(facts)},
                  {"objectives", std::move(objectives)},
                  {"counts", json_object{{"evaluated", ledger.count(trial_status::evaluated)},
                                         {"refused", ledger.count(trial_status::refused)},
                                         {"failed", ledger.count(trial_status::failed)},
                                         {"front", ledger.front_size()}}}};
    if (ledger.all_infeasible()) {
        json_array nearest;
        for (const auto id : ledger.least_violating()) {
            nearest.emplace_back(to_json_value(ledger.trials()[id]));
        }
        o.append("least_violating", std::move(nearest));
    }
    if (!report.levels.empty()) o.append("levels", levels_json(report.levels));
    if (!report.stages.empty()) o.append("stages", stages_json(report.stages));
    if (ledger.reference()) o.append("reference", to_json_value(*ledger.reference()));
    const auto add_accuracy = [&](const char* key, const std::optional<estimate>& e) {
        if (e) o.append(key, to_json_value(metric_estimate{id_of<accuracy>(), *e}));
    };
    add_accuracy("largest_test_accuracy", report.largest_test_accuracy);
    add_accuracy("smallest_test_accuracy", report.smallest_test_accuracy);
    o.append("choices", std::move(choices));
    o.append("front", std::move(front));
    o.append("machine", machine_json(report.machine));
    return o;
}

}  // namespace lathe
