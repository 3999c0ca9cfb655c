// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/measurement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"
#include "lathe/core/order_statistics.hpp"

namespace lathe {
namespace {

/// |a / b - 1|, infinite where b is no positive number.
double relative_change(double a, double b) {
    return b > 0.0 && std::isfinite(a) ? std::abs(a / b - 1.0)
                                       : std::numeric_limits<double>::infinity();
}

canary_time median_canary(const std::vector<round_noise>& rounds) {
    std::vector<double> compute;
    std::vector<double> memory;
    for (const auto& r : rounds) {
        compute.push_back(r.before.compute_ns);
        memory.push_back(r.before.memory_ns);
    }
    compute.push_back(rounds.back().after.compute_ns);
    memory.push_back(rounds.back().after.memory_ns);
    return {median(compute), median(memory)};
}

bool off(const canary_time& c, const canary_time& usual, const noise_limits& limits) {
    return relative_change(c.compute_ns, usual.compute_ns) > limits.compute_drift ||
           relative_change(c.memory_ns, usual.memory_ns) > limits.memory_drift;
}

bool is_disturbed(const round_noise& r, const canary_time& usual, double streams,
                  const noise_limits& limits) {
    return off(r.before, usual, limits) || off(r.after, usual, limits) ||
           r.steal_share > limits.steal_share || r.pressure.value_or(0.0) > limits.pressure ||
           static_cast<double>(r.involuntary_switches) >
               limits.switches_per_second * r.seconds * streams;
}

double drift_of(const task_samples& task) {
    const std::size_t third = task.rounds.size() / 3;
    if (third == 0) return 0.0;
    const auto pooled = [&](std::size_t first) {
        std::vector<double> samples;
        for (std::size_t r = first; r < first + third; ++r) {
            samples.insert(samples.end(), task.rounds[r].begin(), task.rounds[r].end());
        }
        return samples;
    };
    const auto early = pooled(0);
    const auto late = pooled(task.rounds.size() - third);
    if (early.empty() || late.empty()) return 0.0;
    return median(late) / median(early) - 1.0;
}

double quantile_of(statistic by) {
    switch (by) {
        case statistic::p50: return 0.50;
        case statistic::p90: return 0.90;
        case statistic::p99: return 0.99;
        default: break;
    }
    throw error(errc::bad_input, "latency_estimate", "the statistic is no quantile",
                "ask for p50, p90 or p99");
}

}  // namespace

std::vector<double> task_samples::all() const {
    std::vector<double> samples;
    for (const auto& round : rounds) samples.insert(samples.end(), round.begin(), round.end());
    return samples;
}

void judge_noise(measurement& m, const noise_limits& limits) {
    for (auto& task : m.tasks) {
        task.drift = drift_of(task);
        task.drifting = !(std::abs(task.drift) <= limits.task_drift);
    }
    m.noisy = false;
    if (m.noise.empty()) return;

    const canary_time usual = median_canary(m.noise);
    std::size_t disturbed = 0;
    for (auto& r : m.noise) {
        r.disturbed = is_disturbed(r, usual, m.target.streams, limits);
        disturbed += r.disturbed ? 1 : 0;
    }
    m.noisy = static_cast<double>(disturbed) >
              limits.disturbed_rounds * static_cast<double>(m.noise.size());
}

estimate latency_estimate(const measurement& m, std::size_t task, statistic by, double confidence) {
    const double q = quantile_of(by);
    if (task >= m.tasks.size()) {
        throw error(errc::bad_input, "latency_estimate",
                    fmt::format("task {} of {}", task, m.tasks.size()));
    }
    const task_samples& samples = m.tasks[task];
    if (!samples.failure.empty()) return estimate::missing(estimate_status::failed);
    estimate e = quantile_estimate(samples.all(), q, confidence);
    e.noisy = m.noisy || samples.drifting;
    return e;
}

}  // namespace lathe
