// SPDX-License-Identifier: Apache-2.0
// Measures how long calls take in a deployment: interleaved, pinned, every sample kept.
// docs/measuring.md explains the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "lathe/core/deployment.hpp"
#include "lathe/core/measurement.hpp"

namespace lathe {

/// Something to time. `call(stream)` makes one call as stream 0 <= stream < deployment.streams makes
/// it in production: the batch and the number of OpenMP threads are set inside. The streams call it
/// at the same time, each from a thread of its own that lives as long as the measurement.
struct timed_task {
    std::string name;
    std::function<void(int stream)> call;
};

struct timing_progress {
    int tasks_warm = 0;
    int tasks = 0;
    int rounds_done = 0;
    int rounds = 0;
    double elapsed_seconds = 0.0;
};

struct timing_options {
    int samples = 400;  ///< at least this many calls per task, all streams together; P99 needs 299
    int rounds = 40;    ///< every task has its turn once a round
    double max_seconds =
        600.0;  ///< for everything, up to 1e9; one call that has begun is not interrupted
    double min_warm_up_seconds = 0.05;  ///< per task
    double max_warm_up_seconds = 1.0;   ///< per task; all warm-ups get at most a quarter of max_seconds
    std::uint64_t seed = 1;             ///< of the order of the tasks in each round
    noise_limits noise;
    std::function<void(const timing_progress&)> progress;  ///< on the caller's thread; may throw
    std::stop_token stop;
};

/// Times all tasks side by side. Each is warmed up until the medians of windows of calls settle; then
/// in each round every task has one turn, in a random order. A turn is closed-loop: every stream makes
/// one unrecorded call, then its recorded ones, and goes on calling until the other streams have
/// recorded theirs, so that the load is the same during every recorded call. Nothing recorded is
/// dropped.
///
/// With cores enough for streams * threads, each stream is confined to `threads` cores of its own.
/// Only threads made here are pinned; the caller's affinity, signal mask, floating-point mode and
/// OpenMP settings are not touched.
///
/// A task that throws is called no more and carries what it threw; the others go on. Out of time or
/// stopped: what was recorded so far, `complete` false. Throws bad_input for a bad deployment, option
/// or empty task, and passes on what `progress` throws.
[[nodiscard]] measurement time_tasks(std::span<const timed_task> tasks, const deployment& target,
                                     const timing_options& options = {});

}  // namespace lathe
