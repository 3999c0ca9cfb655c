// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/measured_latency.hpp"

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {

const latency_cache::quantiles* latency_cache::find(hash64 structure, const deployment& d) const {
    const auto found = entries_.find({structure, d, machine_});
    return found == entries_.end() ? nullptr : &found->second;
}

void latency_cache::insert(std::span<const network> nets, const deployment& d,
                           const measurement& m) {
    if (m.tasks.size() != nets.size()) {
        throw error(errc::bad_input, "timer",
                    fmt::format("{} tasks for {} networks", m.tasks.size(), nets.size()),
                    "return one task per network, in their order");
    }
    machine_ = hash_of(m.machine);
    for (std::size_t n = 0; n < nets.size(); ++n) {
        entries_.insert_or_assign({nets[n].structure_hash(), d, machine_},
                                  quantiles{latency_estimate(m, n, statistic::p50),
                                            latency_estimate(m, n, statistic::p90),
                                            latency_estimate(m, n, statistic::p99)});
    }
}

}  // namespace lathe
