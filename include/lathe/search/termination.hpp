// SPDX-License-Identifier: Apache-2.0
// When a search ends. Whatever is asked for, it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace lathe {

struct termination {
    /// Trials that were evaluated or failed.
    std::size_t evaluations = std::numeric_limits<std::size_t>::max();
    /// Of this run, by the monotonic clock; looked at between steps.
    std::chrono::duration<double> wall_time = std::chrono::duration<double>::max();
    /// Trials refused by exact limits, beyond four for each evaluation so far.
    std::size_t refusals = 1000;
    /// Steps in a row that bring no new member.
    std::size_t idle_steps = 100;
    /// Steps of this run: generations, where a batch is a population.
    std::size_t steps = std::numeric_limits<std::size_t>::max();
};

enum class stop_reason : std::uint8_t {
    running,      ///< not ended
    evaluations,  ///< the budget is used
    wall_time,
    refusals,   ///< exact limits refuse nearly every member
    exhausted,  ///< the optimizer has no new members
    requested,  ///< a probe or somebody outside asked to stop
    steps,
    target,  ///< a member is as good as was wanted
    stall    ///< the front has stopped growing
};

[[nodiscard]] std::string_view to_string(stop_reason r) noexcept;

struct progress_counts {
    std::size_t evaluations = 0;
    std::size_t refusals = 0;
    std::size_t idle_steps = 0;
    std::chrono::duration<double> elapsed{0.0};
    std::size_t steps = 0;
};

/// `running`, or the first reason that holds.
[[nodiscard]] stop_reason why_stop(const termination& t, const progress_counts& now) noexcept;

}  // namespace lathe
