// SPDX-License-Identifier: Apache-2.0
// Convolutions and linear layers at inference by our own kernels.
#pragma once

#include <optional>

#include "engine/lowering.hpp"

namespace lathe::detail {

/// Empty where no kernel of ours takes the layer: between one group and one filter per channel,
/// kernels higher than 16, and unusual depthwise shapes.
[[nodiscard]] std::optional<step_recipe> lower_to_own(const conv2d_op& o,
                                                      const lowering_context& c);
[[nodiscard]] step_recipe lower_to_own(const linear_op& o, const lowering_context& c);

}  // namespace lathe::detail
