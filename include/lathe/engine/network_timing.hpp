// SPDX-License-Identifier: Apache-2.0
// Latencies of networks on this machine.
#pragma once

#include <span>

#include "lathe/core/measurement.hpp"
#include "lathe/engine/timing.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// time_tasks() over executors of the networks: one task each, named by its position. A call puts a
/// batch into the input and runs the program; every stream has an arena of its own and shares the
/// weights. Weights are arbitrary: they do not change the time. A network that cannot be compiled is a
/// task that failed.
[[nodiscard]] measurement time_networks(std::span<const network> nets, const deployment& target,
                                        const timing_options& options = {});

}  // namespace lathe
