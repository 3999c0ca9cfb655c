// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/program_cost.hpp"

#include <limits>

namespace lathe {

estimate lower_bound_estimate(double value) noexcept {
    estimate e = estimate::exact(value);
    e.high = std::numeric_limits<double>::max();
    e.source = provenance::lower_bound;
    return e;
}

std::vector<estimate> memory_of(const program& p) {
    const auto bytes = [&](byte_count b) {
        const auto value = static_cast<double>(b.value);
        return p.exact ? estimate::exact(value) : lower_bound_estimate(value);
    };
    return {bytes(p.weight_bytes), bytes(p.arena_bytes()), bytes(p.peak_memory())};
}

}  // namespace lathe
