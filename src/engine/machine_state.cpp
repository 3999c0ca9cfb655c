// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/machine_state.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>

namespace lathe {
namespace {

std::string read_text(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The rest of the line that begins with `key` and a space.
std::optional<std::string_view> line_of(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
            return line.substr(key.size() + 1);
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return std::nullopt;
}

std::optional<std::int64_t> to_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    return status == std::errc{} && value >= 0 ? std::optional(value) : std::nullopt;
}

double now_ns() {
    return std::chrono::duration<double, std::nano>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

template <class Kernel>
double fastest_of_three(Kernel kernel) {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 3; ++i) {
        const double start = now_ns();
        kernel();
        best = std::min(best, now_ns() - start);
    }
    return best;
}

}  // namespace

std::vector<int> usable_cores() {
    std::vector<int> cores;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
    return cores;
}

std::optional<std::int64_t> parse_steal_ticks(std::string_view proc_stat,
                                              std::span<const int> cores) {
    constexpr int steal_field = 7;  // after user, nice, system, idle, iowait, irq and softirq
    std::int64_t ticks = 0;
    for (const int core : cores) {
        auto rest = line_of(proc_stat, "cpu" + std::to_string(core));
        if (!rest) return std::nullopt;
        for (int field = 0; field < steal_field; ++field) {
            const auto space = rest->find(' ');
            if (space == std::string_view::npos) return std::nullopt;
            rest->remove_prefix(space + 1);
        }
        const auto value = to_number(*rest);
        if (!value) return std::nullopt;
        ticks += *value;
    }
    return ticks;
}

std::optional<std::int64_t> parse_pressure(std::string_view proc_pressure) {
    const auto some = line_of(proc_pressure, "some");
    if (!some) return std::nullopt;
    constexpr std::string_view key = "total=";
    const auto at = some->find(key);
    if (at == std::string_view::npos) return std::nullopt;
    return to_number(some->substr(at + key.size()));
}

machine_state read_machine_state(std::span<const int> cores) {
    machine_state state;
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    const auto ticks = parse_steal_ticks(read_text("/proc/stat"), cores);
    if (ticks && ticks_per_second > 0) {
        state.steal_seconds = static_cast<double>(*ticks) / static_cast<double>(ticks_per_second);
    }
    if (const auto us = parse_pressure(read_text("/proc/pressure/cpu"))) {
        state.pressure_seconds = static_cast<double>(*us) * 1e-6;
    }
    return state;
}

canary::canary() : stream_(std::size_t{1} << 20, 1) {}  // 8 MiB

canary_time canary::run() {
    canary_time times;
    times.compute_ns = fastest_of_three([this] {
        // A chain of dependent operations: neither the compiler nor the core can shorten it.
        double x = seed_;
        for (int i = 0; i < 12'500; ++i) x = x * 0.999 + 0.001;
        seed_ = x;
    });
    times.memory_ns = fastest_of_three([this] {
        constexpr std::size_t line = 8;  // words of a cache line
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < stream_.size(); i += line) sum += stream_[i];
        stream_[1] = sum;
    });
    return times;
}

}  // namespace lathe
