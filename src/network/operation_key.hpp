// SPDX-License-Identifier: Apache-2.0
// The key of a step in op tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lathe/network/network.hpp"
#include "network/concat_slices.hpp"

namespace lathe::detail {

/// The same key as the engine's: the first node's op with every dimension that its time depends on,
/// then what is fused behind it: "conv2d b1 i16x28x28 o32 k3x3 s1x1 p1x1 g1 relu add". Inputs of a
/// concat that are in place already end in "=". `nodes`: of one step, in order.
[[nodiscard]] std::string operation_key(const network& net, const concat_slices& slices,
                                        std::span<const value_id> nodes, std::int64_t batch);

}  // namespace lathe::detail
