// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/goals.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe {
namespace {

std::string_view word_of(direction d) { return d == direction::maximize ? "max" : "min"; }

error unknown_scenario(const std::string& place, std::string_view name, const search_goals& goals) {
    std::vector<std::string_view> names;
    for (const scenario& s : goals.scenarios) names.push_back(s.name);
    const std::string_view near = nearest_name(name, names);
    return {errc::bad_input, place, fmt::format("there is no scenario '{}'", name),
            near.empty() ? fmt::format("the scenarios are: {}", fmt::join(names, ", "))
                         : fmt::format("did you mean '{}'?", near)};
}

void check_name(const std::string& name) {
    const bool fine = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
    if (!fine) {
        throw error(errc::bad_input, "scenario '" + name + "'",
                    "this name cannot become a file name",
                    "use 1 to 64 letters, digits, '_' and '-'");
    }
}

void assign_objective(metric_id& metric, const search_goals& goals) {
    const std::string place = "objective '" + objective_text(metric) + "'";
    if (!depends_on_deployment(metric.of)) {
        if (!metric.scenario.empty()) {
            throw error(errc::bad_input, place, "this metric is the same in every scenario",
                        "leave out '@" + metric.scenario + "'");
        }
        return;
    }
    if (metric.scenario.empty()) {
        if (goals.scenarios.size() != 1) {
            throw error(
                errc::bad_input, place, "there are several scenarios",
                "say which: '" + objective_text(metric) + "@" + goals.scenarios.front().name + "'");
        }
        metric.scenario = goals.scenarios.front().name;
    }
    if (std::ranges::find(goals.scenarios, metric.scenario, &scenario::name) ==
        goals.scenarios.end()) {
        throw unknown_scenario(place, metric.scenario, goals);
    }
}

void assign_limit(metric_id& metric, const std::string& owner) {
    const std::string own = depends_on_deployment(metric.of) ? owner : std::string();
    if (!metric.scenario.empty() && metric.scenario != own) {
        throw error(errc::bad_input, "scenario '" + owner + "'",
                    "the limit on " + to_string(metric) + " belongs to another scenario",
                    "leave out '@" + metric.scenario + "'");
    }
    metric.scenario = own;
}

}  // namespace

metric_id parse_objective(std::string_view text, std::string_view place) {
    const auto space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (space == std::string_view::npos || (word != "min" && word != "max")) {
        throw error(errc::bad_input, std::string(place), fmt::format("'{}' is no objective", text),
                    "write 'max accuracy' or 'min latency_p99@SCENARIO'");
    }
    metric_id metric;
    try {
        metric = parse_metric(text.substr(space + 1));
    } catch (const error& e) {
        throw error(e.code(), std::string(place), e.problem(), e.remedy());
    }
    const std::string_view natural = word_of(natural_direction(metric.of));
    if (word != natural) {
        throw error(errc::bad_input, std::string(place),
                    fmt::format("'{}' goes the wrong way", text),
                    "write '" + objective_text(metric) + "'");
    }
    return metric;
}

std::string objective_text(const metric_id& objective) {
    return fmt::format("{} {}", word_of(natural_direction(objective.of)), to_string(objective));
}

search_goals complete(search_goals goals) {
    if (goals.scenarios.empty()) {
        throw error(errc::bad_input, "scenarios", "there is none", "describe at least one");
    }
    if (goals.objectives.empty()) {
        throw error(errc::bad_input, "objectives", "there is none", "give at least 'max accuracy'");
    }
    for (auto s = goals.scenarios.begin(); s != goals.scenarios.end(); ++s) {
        check_name(s->name);
        if (std::find_if(goals.scenarios.begin(), s,
                         [&](const scenario& other) { return other.name == s->name; }) != s) {
            throw error(errc::bad_input, "scenario '" + s->name + "'", "this name is used twice",
                        "give every scenario its own name");
        }
        validate(s->target);
        for (limit_spec& l : s->limits) {
            validate(l);
            assign_limit(l.metric, s->name);
        }
    }
    for (auto m = goals.objectives.begin(); m != goals.objectives.end(); ++m) {
        assign_objective(*m, goals);
        if (std::find(goals.objectives.begin(), m, *m) != m) {
            throw error(errc::bad_input, "objective '" + objective_text(*m) + "'",
                        "it is given twice", "give every objective once");
        }
    }
    return goals;
}

bool needs_reference(const search_goals& goals) noexcept {
    return std::ranges::any_of(goals.scenarios, [](const scenario& s) {
        return std::ranges::any_of(s.limits, &limit_spec::relative);
    });
}

search_goals add_limit(search_goals goals, metric_id metric, std::string_view scenario_name,
                       std::string_view text) {
    const auto s = std::ranges::find(goals.scenarios, scenario_name, &scenario::name);
    if (s == goals.scenarios.end()) {
        throw unknown_scenario("limit on " + to_string(metric), scenario_name, goals);
    }
    if (depends_on_deployment(metric.of)) metric.scenario = s->name;
    s->limits.push_back(parse_limit(metric, text));
    return goals;
}

}  // namespace lathe
