// SPDX-License-Identifier: Apache-2.0
// Signs that something else used the machine: stolen time, threads waiting for cores, fixed kernels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lathe/core/measurement.hpp"

namespace lathe {

/// Numbers of the cores the calling thread may run on, ascending.
[[nodiscard]] std::vector<int> usable_cores();

/// Counters that only grow; differences of two readings are of interest. Empty where the operating
/// system does not tell.
struct machine_state {
    std::optional<double> steal_seconds;     ///< of the given cores, taken by the hypervisor
    std::optional<double> pressure_seconds;  ///< in which some thread of the machine waited for a core
};

/// Reads /proc/stat and /proc/pressure/cpu. About 20 us; never throws for an unreadable file.
[[nodiscard]] machine_state read_machine_state(std::span<const int> cores);

/// Stolen clock ticks of these cores in the text of /proc/stat; nothing where a core is missing.
[[nodiscard]] std::optional<std::int64_t> parse_steal_ticks(std::string_view proc_stat,
                                                            std::span<const int> cores);
/// Microseconds of the line "some" in the text of /proc/pressure/cpu.
[[nodiscard]] std::optional<std::int64_t> parse_pressure(std::string_view proc_pressure);

/// Two fixed kernels of about 40 us and 300 us. They run on the calling thread.
class canary {
public:
    canary();
    /// The fastest of three runs of each, so that one interrupt does not look like a slow machine.
    [[nodiscard]] canary_time run();

private:
    std::vector<std::uint64_t> stream_;
    double seed_ = 1.0;
};

}  // namespace lathe
