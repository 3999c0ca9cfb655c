// SPDX-License-Identifier: Apache-2.0
// What a timing run hands over: every sample, the machine it ran on, and how quiet that machine was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lathe/core/deployment.hpp"
#include "lathe/core/estimate.hpp"
#include "lathe/core/fingerprint.hpp"
#include "lathe/core/metric.hpp"

namespace lathe {

/// Times of two fixed kernels that never change: one computes in registers, one streams a buffer
/// larger than the second cache level. What moves them is the machine, not the task.
struct canary_time {
    double compute_ns = 0.0;
    double memory_ns = 0.0;
};

/// What the machine did to one round.
struct round_noise {
    double seconds = 0.0;
    canary_time before;
    canary_time after;
    double steal_share = 0.0;  ///< of the used cores' time, taken by the hypervisor
    std::optional<double> pressure;  ///< share of time some thread waited for a core, if the OS tells
    std::int64_t involuntary_switches = 0;  ///< of the calling threads, summed over streams
    bool disturbed = false;                 ///< set by judge_noise
};

/// Single-call latencies of one task.
struct task_samples {
    std::string name;
    double first_call_ns = 0.0;  ///< cold start, not among the samples
    bool stationary = false;     ///< the warm-up settled before its cap
    std::vector<std::vector<double>> rounds;  ///< ns; calls of all streams in each round
    std::string failure;  ///< what the task threw; it was not called again
    double drift = 0.0;   ///< median of the last third of the rounds over that of the first, minus 1
    bool drifting = false;  ///< drift and this are set by judge_noise

    [[nodiscard]] std::vector<double> all() const;
};

struct measurement {
    fingerprint machine;
    deployment target;
    double clock_overhead_ns = 0.0;  ///< between two readings with nothing in between; not subtracted
    bool pinned = false;             ///< every stream had cores of its own
    bool complete = false;           ///< false: stopped or out of time before every task had its samples
    std::vector<task_samples> tasks;
    std::vector<round_noise> noise;  ///< one per round
    bool noisy = false;              ///< set by judge_noise
};

/// From when on a round counts as disturbed, and a measurement as noisy.
struct noise_limits {
    double compute_drift = 0.03;  ///< of a canary from its median over the run
    double memory_drift = 0.10;   ///< the same for memory, which varies more on a quiet machine
    double steal_share = 0.01;
    double pressure = 0.05;
    double switches_per_second = 100.0;  ///< per stream
    double disturbed_rounds = 0.2;      ///< share of the rounds
    double task_drift = 0.03;
};

/// Sets round_noise::disturbed, measurement::noisy and the drift of each task. Looks at the machine to
/// judge a round, never at the samples, and drops nothing. Without noise records it is not noisy.
void judge_noise(measurement& m, const noise_limits& limits = {});

/// P50, P90 or P99 of a task (see order_statistics.hpp). Flagged noisy when the measurement is or the
/// task drifts; failed for a task that threw. Throws bad_input for another statistic or an index out
/// of range. Intervals assume independent samples; interleaved rounds are there to make them nearly so.
[[nodiscard]] estimate latency_estimate(const measurement& m, std::size_t task, statistic by,
                                        double confidence = 0.95);

}  // namespace lathe
