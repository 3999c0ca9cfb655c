// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/timing.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/timing_team.hpp"
#include "engine/timing_turn.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/order_statistics.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/engine/machine_state.hpp"

namespace lathe {
namespace {

using detail::monotonic_ns;

void check(bool good, const char* name, double value, const char* remedy) {
    if (!good) throw error(errc::bad_input, "timing", fmt::format("{} is {}", name, value), remedy);
}

void check_options(const timing_options& o) {
    check(o.samples >= 1, "samples", o.samples, "give at least 1; P99 needs 299");
    check(o.rounds >= 1, "rounds", o.rounds, "give at least 1");
    constexpr double many_years = 1e9;
    check(o.max_seconds > 0.0 && o.max_seconds <= many_years, "max_seconds", o.max_seconds,
          "give a time above 0 and up to 1e9");
    check(o.min_warm_up_seconds >= 0.0 && std::isfinite(o.min_warm_up_seconds),
          "min_warm_up_seconds", o.min_warm_up_seconds, "give a finite time of at least 0");
    check(o.max_warm_up_seconds >= 0.0 && std::isfinite(o.max_warm_up_seconds),
          "max_warm_up_seconds", o.max_warm_up_seconds, "give a finite time of at least 0");
}

/// Time between two readings of the clock with nothing in between.
double clock_overhead() {
    constexpr int readings = 1001;
    std::vector<double> gaps;
    gaps.reserve(readings);
    for (int i = 0; i < readings; ++i) {
        const std::int64_t start = monotonic_ns();
        gaps.push_back(static_cast<double>(monotonic_ns() - start));
    }
    return std::accumulate(gaps.begin(), gaps.end(), 0.0) / readings;
}

/// Cores for each stream, from the last to the first because the first serves most interrupts; empty
/// lists where there are not enough.
std::vector<std::vector<int>> share_cores(std::vector<int> cores, const deployment& d) {
    std::vector<std::vector<int>> shares(static_cast<std::size_t>(d.streams));
    const auto threads = static_cast<std::size_t>(d.threads);
    if (cores.size() / threads < shares.size()) return shares;
    std::reverse(cores.begin(), cores.end());
    auto next = cores.begin();
    for (auto& share : shares) {
        share.assign(next, next + d.threads);
        next += d.threads;
    }
    return shares;
}

std::vector<int> concat(const std::vector<std::vector<int>>& shares) {
    std::vector<int> all;
    for (const auto& share : shares) all.insert(all.end(), share.begin(), share.end());
    return all;
}

std::int64_t involuntary_switches_of_this_thread() {
    rusage usage{};
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/// One look at the machine between two rounds.
struct checkpoint {
    std::int64_t at_ns = 0;
    machine_state machine;
    canary_time canaries;  ///< of the slowest stream
    std::int64_t involuntary_switches = 0;
};

double growth(std::optional<double> before, std::optional<double> after) {
    return before && after ? *after - *before : 0.0;
}

round_noise between(const checkpoint& a, const checkpoint& b, std::size_t cores) {
    round_noise n;
    n.seconds = static_cast<double>(b.at_ns - a.at_ns) * 1e-9;
    n.before = a.canaries;
    n.after = b.canaries;
    n.involuntary_switches = b.involuntary_switches - a.involuntary_switches;
    if (n.seconds > 0.0) {
        if (cores > 0) {
            n.steal_share = growth(a.machine.steal_seconds, b.machine.steal_seconds) /
                            (n.seconds * static_cast<double>(cores));
        }
        if (a.machine.pressure_seconds && b.machine.pressure_seconds) {
            n.pressure = growth(a.machine.pressure_seconds, b.machine.pressure_seconds) / n.seconds;
        }
    }
    return n;
}

class run {
public:
    run(std::span<const timed_task> tasks, const deployment& target, const timing_options& options)
        : tasks_(tasks),
          options_(options),
          start_ns_(monotonic_ns()),
          streams_(static_cast<std::size_t>(target.streams)),
          shares_(share_cores(usable_cores(), target)),
          watched_(concat(shares_)),
          team_(shares_),
          canaries_(streams_) {
        if (watched_.empty()) watched_ = usable_cores();
        result_.machine = this_machine();
        result_.target = target;
        result_.clock_overhead_ns = clock_overhead();
        result_.pinned = team_.pinned();
        for (const auto& task : tasks) {
            result_.tasks.emplace_back();
            result_.tasks.back().name = task.name;
        }
        const double calls = std::ceil(static_cast<double>(options.samples) /
                                       (static_cast<double>(options.rounds) *
                                        static_cast<double>(target.streams)));
        calls_per_turn_ = static_cast<int>(calls);
        progress_.tasks = static_cast<int>(tasks.size());
        progress_.rounds = options.rounds;
    }

    measurement take() && {
        for (std::size_t t = 0; t < tasks_.size() && !over(); ++t) {
            warm_up(t);
            ++progress_.tasks_warm;
            report();
        }
        std::vector<std::size_t> order(tasks_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        checkpoint before = look();
        for (int r = 0; r < options_.rounds && !order.empty() && !over(); ++r) {
            rng(options_.seed).child("round", static_cast<std::uint64_t>(r)).shuffle(order);
            for (const std::size_t t : order) {
                if (!over()) record(t);
            }
            const checkpoint after = look();
            result_.noise.push_back(between(before, after, watched_.size()));
            before = after;
            ++progress_.rounds_done;
            report();
        }
        result_.complete = std::all_of(
            result_.tasks.begin(), result_.tasks.end(), [this](const task_samples& t) {
                return !t.failure.empty() ||
                       t.all().size() >= static_cast<std::size_t>(options_.samples);
            });
        judge_noise(result_, options_.noise);
        return std::move(result_);
    }

private:
    [[nodiscard]] std::int64_t after_seconds(double seconds) const {
        return start_ns_ + static_cast<std::int64_t>(seconds * 1e9);
    }

    [[nodiscard]] bool over() const {
        return options_.stop.stop_requested() ||
               monotonic_ns() >= after_seconds(options_.max_seconds);
    }

    void report() {
        if (!options_.progress) return;
        progress_.elapsed_seconds = static_cast<double>(monotonic_ns() - start_ns_) * 1e-9;
        options_.progress(progress_);
    }

    detail::turn make_turn(std::size_t t) const {
        return {tasks_[t].call, static_cast<int>(streams_), options_.stop,
                after_seconds(options_.max_seconds)};
    }

    void warm_up(std::size_t t) {
        const double share = 0.25 * options_.max_seconds / static_cast<double>(tasks_.size());
        const detail::warm_up_limits limits{options_.min_warm_up_seconds,
                                            std::min(options_.max_warm_up_seconds, share)};
        detail::turn turn = make_turn(t);
        detail::warm_up_result warmed;
        team_.run([&](int stream) {
            if (stream == 0) {
                warmed = turn.lead_warm_up(limits);
            } else {
                turn.follow_warm_up(stream);
            }
        });
        result_.tasks[t].first_call_ns = warmed.first_call_ns;
        result_.tasks[t].stationary = warmed.stationary;
        result_.tasks[t].failure = turn.failure();
    }

    void record(std::size_t t) {
        task_samples& into = result_.tasks[t];
        if (!into.failure.empty()) return;
        std::vector<std::vector<double>> samples(streams_);
        for (auto& s : samples) s.reserve(static_cast<std::size_t>(calls_per_turn_));
        detail::turn turn = make_turn(t);
        team_.run([&](int stream) {
            turn.record(stream, calls_per_turn_, samples[static_cast<std::size_t>(stream)]);
        });
        into.failure = turn.failure();
        auto& round = into.rounds.emplace_back();
        for (const auto& s : samples) round.insert(round.end(), s.begin(), s.end());
    }

    checkpoint look() {
        std::vector<checkpoint> seen(streams_);
        team_.run([&](int stream) {
            const auto s = static_cast<std::size_t>(stream);
            seen[s].involuntary_switches = involuntary_switches_of_this_thread();
            seen[s].canaries = canaries_[s].run();
        });
        checkpoint all;
        for (const auto& s : seen) {
            all.involuntary_switches += s.involuntary_switches;
            all.canaries.compute_ns = std::max(all.canaries.compute_ns, s.canaries.compute_ns);
            all.canaries.memory_ns = std::max(all.canaries.memory_ns, s.canaries.memory_ns);
        }
        all.machine = read_machine_state(watched_);
        all.at_ns = monotonic_ns();
        return all;
    }

    std::span<const timed_task> tasks_;
    const timing_options& options_;
    std::int64_t start_ns_;
    std::size_t streams_;
    std::vector<std::vector<int>> shares_;
    std::vector<int> watched_;
    detail::stream_team team_;
    std::vector<canary> canaries_;
    int calls_per_turn_ = 1;
    timing_progress progress_;
    measurement result_;
};

}  // namespace

measurement time_tasks(std::span<const timed_task> tasks, const deployment& target,
                       const timing_options& options) {
    validate(target);
    check_options(options);
    for (const auto& task : tasks) {
        if (!task.call) {
            throw error(errc::bad_input, "timing", fmt::format("task '{}' has no call", task.name),
                        "give a function");
        }
    }
    return run(tasks, target, options).take();
}

}  // namespace lathe
