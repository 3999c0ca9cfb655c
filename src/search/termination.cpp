// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/termination.hpp"

namespace lathe {

std::string_view to_string(stop_reason r) noexcept {
    switch (r) {
        case stop_reason::running:
            return "running";
        case stop_reason::evaluations:
            return "evaluations";
        case stop_reason::wall_time:
            return "wall_time";
        case stop_reason::refusals:
            return "refusals";
        case stop_reason::exhausted:
            return "exhausted";
        case stop_reason::requested:
            return "requested";
        case stop_reason::steps:
            return "steps";
        case stop_reason::target:
            return "target";
        case stop_reason::stall:
            return "stall";
    }
    return "";
}

stop_reason why_stop(const termination& t, const progress_counts& now) noexcept {
    if (now.evaluations >= t.evaluations) return stop_reason::evaluations;
    if (now.steps >= t.steps) return stop_reason::steps;
    if (now.elapsed >= t.wall_time) return stop_reason::wall_time;
    const bool beyond = now.refusals >= t.refusals;
    if (beyond && (now.refusals - t.refusals) / 4 >= now.evaluations) return stop_reason::refusals;
    if (now.idle_steps >= t.idle_steps) return stop_reason::exhausted;
    return stop_reason::running;
}

}  // namespace lathe
