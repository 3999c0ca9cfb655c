// SPDX-License-Identifier: Apache-2.0
// How many images of a batch go through a network at once: for the exact compile and for the lower
// bound alike.
#pragma once

#include <cstdint>

#include "lathe/network/program.hpp"

namespace lathe::detail {

/// What a core keeps in its second-level cache, with room for weights where that has 2 MiB.
inline constexpr std::int64_t tile_bytes = 1 << 20;

/// The largest divisor of the batch whose values alive at one time take at most tile_bytes a thread,
/// but no fewer images than threads; the smallest such divisor if none fits. Values are counted as
/// compile_lower_bound does, so both compiles agree. Precondition: a valid deployment.
[[nodiscard]] std::int32_t batch_tile(const network& net, const deployment& target);

/// Inputs and outputs, so far planned for one tile, become those of the whole batch: all tiles find
/// them in the arena. Does nothing where there is one tile.
void widen_to_batch(program& p);

}  // namespace lathe::detail
