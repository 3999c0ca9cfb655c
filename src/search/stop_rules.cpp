// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/stop_rules.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/pareto/hypervolume.hpp"

namespace lathe {
namespace {

double to_minimise(const metric_id& id, double value) {
    return natural_direction(id.of) == direction::maximize ? -value : value;
}

}  // namespace

target_value::target_value(metric_id objective, double value)
    : objective_(std::move(objective)), value_(value) {
    if (std::isfinite(value_)) return;
    throw error(errc::bad_input, "target_value", fmt::format("the target is {}", value_),
                "give a finite number");
}

stop_reason target_value::operator()(const step_record&, const study_ledger& found) const {
    const auto& objectives = found.goals().objectives;
    if (std::ranges::find(objectives, objective_) == objectives.end()) {
        throw error(errc::bad_input, "target_value",
                    to_string(objective_) + " is no objective of this study",
                    "give one of its objectives, with its scenario");
    }
    for (const std::uint64_t id : found.front()) {
        const trial& t = found.trials()[id];
        const double value = find_metric(t.metrics, objective_).value;
        if (to_minimise(objective_, value) <= to_minimise(objective_, value_) &&
            found.verdict_of(t) == verdict::feasible) {
            return stop_reason::target;
        }
    }
    return stop_reason::running;
}

hypervolume_stall::hypervolume_stall(std::vector<double> reference, std::size_t steps, double gain)
    : reference_(std::move(reference)), steps_(steps), gain_(gain) {
    const auto finite = [](double v) { return std::isfinite(v); };
    if (steps_ > 0 && gain_ >= 0.0 && finite(gain_) && std::ranges::all_of(reference_, finite)) return;
    throw error(errc::bad_input, "hypervolume_stall",
                fmt::format("{} steps, a gain of {}, the reference ({})", steps_, gain_,
                            fmt::join(reference_, ", ")),
                "give at least one step, a gain of 0 or more, and finite numbers");
}

stop_reason hypervolume_stall::operator()(const step_record& r, const study_ledger& found) {
    const auto& objectives = found.goals().objectives;
    if (reference_.size() != objectives.size()) {
        throw error(errc::bad_input, "hypervolume_stall",
                    fmt::format("a reference of {} numbers for {} objectives", reference_.size(),
                                objectives.size()),
                    "give the worst value worth having for each objective");
    }
    if (last_step_ == r.step) return stop_reason::running;  // a new run begins where one ended
    last_step_ = r.step;

    const std::vector<std::uint64_t> front = found.front();
    std::vector<double> columns;
    std::vector<double> worst;
    for (std::size_t m = 0; m < objectives.size(); ++m) {
        for (const std::uint64_t id : front) {
            const estimate e = find_metric(found.trials()[id].metrics, objectives[m]);
            columns.push_back(to_minimise(objectives[m], e.value));
        }
        worst.push_back(to_minimise(objectives[m], reference_[m]));
    }
    volumes_.push_back(hypervolume({columns, front.size(), objectives.size()}, worst));
    if (volumes_.size() <= steps_) return stop_reason::running;
    const double before = volumes_.front();
    volumes_.pop_front();
    const double now = volumes_.back();
    return before > 0.0 && now <= before * (1.0 + gain_) ? stop_reason::stall
                                                         : stop_reason::running;
}

}  // namespace lathe
