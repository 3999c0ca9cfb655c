// SPDX-License-Identifier: Apache-2.0
// What this machine is, and how much it can be trusted to measure.
#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/pipeline.hpp"
#include "lathe/cli/command_line.hpp"
#include "lathe/constraint/limit.hpp"
#include "lathe/core/text.hpp"
#include "lathe/core/version.hpp"
#include "lathe/engine/network_timing.hpp"

namespace lathe::cli {
namespace {

double largest_of(const measurement& m, double round_noise::* field) {
    double most = 0.0;
    for (const round_noise& r : m.noise) most = std::max(most, r.*field);
    return most;
}

std::string interval_text(const estimate& e) {
    if (!e.known()) return "not resolvable";
    return fmt::format("{} ({} to {})", format_time(e.value), format_time(e.low),
                       format_time(e.high));
}

void tell_noise(std::ostream& out) {
    const mobile_space space(mobile28());
    const std::vector<network> nets = {space.lower(space.smallest())};
    const measurement m = time_networks(nets, {}, timing_for(2000, nets.size()));
    const auto disturbed = std::ranges::count_if(m.noise, &round_noise::disturbed);
    out << fmt::format("\nnoise, from 2000 calls of a small network on one core\n");
    out << fmt::format("  P50                  {}\n",
                       interval_text(latency_estimate(m, 0, statistic::p50)));
    out << fmt::format("  P99                  {}\n",
                       interval_text(latency_estimate(m, 0, statistic::p99)));
    out << fmt::format("  disturbed rounds     {} of {}\n", disturbed, m.noise.size());
    out << fmt::format("  stolen by others     {:.1f} % at most\n",
                       100.0 * largest_of(m, &round_noise::steal_share));
    out << fmt::format("  clock                {} between two readings\n",
                       format_time(m.clock_overhead_ns));
    out << fmt::format("  verdict              {}\n",
                       m.noisy ? "noisy: P99 will have wide intervals; stop other programs"
                               : "quiet enough to measure");
}

}  // namespace

int doctor_command(std::ostream& out) {
    const fingerprint m = machine_and_libraries();
    out << fmt::format("lathe        {}\nCPU          {}\ninstructions {}\ncores        {}\n",
                       version, m.cpu, m.isa, m.cores);
    for (const cache_level& c : m.caches) {
        out << fmt::format("cache L{}     {}\n", c.level,
                           format_bytes(static_cast<double>(c.bytes)));
    }
    out << fmt::format("system       {}\ncompiler     {}\nlibraries    {}\n", m.os, m.compiler,
                       fmt::join(m.libraries, ", "));
    tell_noise(out);
    return exit_code::ok;
}

}  // namespace lathe::cli
