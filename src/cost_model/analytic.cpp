// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/analytic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/program_cost.hpp"

namespace lathe {
namespace {

void check_ceiling(const char* name, double value) {
    if (!(value > 0.0 && std::isfinite(value))) {
        throw error(errc::bad_input, "roofline", fmt::format("{} is {}", name, value),
                    "give a finite number above 0");
    }
}

/// f32 multiply-accumulates a cycle: two units times the lanes of a register.
double macs_per_cycle(const fingerprint& machine) {
    if (machine.isa.starts_with("avx512") || machine.isa == "amx") return 32.0;
    if (machine.isa == "avx2") return 16.0;
    return 4.0;
}

estimate guessed_latency(nanoseconds t) {
    estimate e;
    e.value = t.value;
    e.low = t.value / analytic_cost::latency_factor;
    e.high = t.value * analytic_cost::latency_factor;
    e.source = provenance::analytic;
    e.status = estimate_status::known;
    return e;
}

std::vector<estimate> costs_of(const network& net, const deployment& d, const roofline& ceilings) {
    const program p = compile_lower_bound(net, d);
    std::vector<estimate> costs{estimate::exact(static_cast<double>(total_macs(net).value)),
                                estimate::exact(static_cast<double>(total_parameters(net).value))};
    const auto memory = memory_of(p);
    costs.insert(costs.end(), memory.begin(), memory.end());
    costs.push_back(guessed_latency(roofline_latency(p, ceilings)));
    return costs;
}

}  // namespace

roofline guess_roofline(const fingerprint& machine) {
    constexpr double cycles_per_second = 2.5e9;
    return {macs_per_cycle(machine) * cycles_per_second, 20e9, 0.5e-6};
}

nanoseconds roofline_latency(const program& p, const roofline& r) {
    const double peak = r.macs_per_second * static_cast<double>(p.target.threads);
    const double call = r.seconds_per_step * static_cast<double>(p.tiles());
    double seconds = 0.0;
    for (const auto& step : p.steps) {
        seconds += std::max(static_cast<double>(step.macs.value) / peak,
                            static_cast<double>(step.traffic.value) / r.bytes_per_second) +
                   call;
    }
    return nanoseconds(seconds * 1e9);
}

analytic_cost::analytic_cost(const roofline& ceilings) : ceilings_(ceilings) {
    check_ceiling("macs_per_second", ceilings.macs_per_second);
    check_ceiling("bytes_per_second", ceilings.bytes_per_second);
    check_ceiling("seconds_per_step", ceilings.seconds_per_step);
}

cost_table analytic_cost::estimate(std::span<const network> nets, const deployment& d) const {
    validate(d);
    cost_table table(metrics(), nets.size());
    for (std::size_t n = 0; n < nets.size(); ++n) {
        const auto costs = costs_of(nets[n], d, ceilings_);
        for (std::size_t m = 0; m < costs.size(); ++m) table.column(m)[n] = costs[m];
    }
    return table;
}

}  // namespace lathe
