// SPDX-License-Identifier: Apache-2.0
// Costs that follow from the network alone, without running it.
#pragma once

#include <span>
#include <vector>

#include "lathe/core/fingerprint.hpp"
#include "lathe/cost_model/concept.hpp"
#include "lathe/network/program.hpp"

namespace lathe {

/// Ceilings of one core (Williams, Waterman, Patterson 2009). All above 0.
struct roofline {
    double macs_per_second = 0.0;   ///< f32 multiply-accumulates
    double bytes_per_second = 0.0;  ///< from the cache level where activations live
    double seconds_per_step = 0.0;  ///< to call one kernel
};

/// Ceilings guessed from the instruction set; nothing is measured.
[[nodiscard]] roofline guess_roofline(const fingerprint& machine);

/// Sum over steps of max(MACs / (threads * peak), traffic / bandwidth) + the cost of a call of every
/// tile.
[[nodiscard]] nanoseconds roofline_latency(const program& p, const roofline& r);

/// MACs and parameters are exact. Memory is a lower bound from compile_lower_bound. P50 latency is the
/// roofline's: it ranks networks roughly, and its interval is a factor of `latency_factor` to both
/// sides with confidence 0, because no coverage was ever tested.
class analytic_cost {
public:
    using provided = metric_list<macs, parameters, weight_memory, arena_memory, peak_memory, latency_p50>;
    static constexpr double latency_factor = 10.0;

    /// Throws bad_input for a ceiling that is not above 0 and finite.
    explicit analytic_cost(const roofline& ceilings = guess_roofline(this_machine()));

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    /// Linear in the layers, apart from the memory plan. Thread-safe.
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) const;

private:
    roofline ceilings_;
};
static_assert(CostModel<analytic_cost>);

}  // namespace lathe
