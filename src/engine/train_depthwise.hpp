// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/onednn_convolution.hpp"
#include "engine/training.hpp"

namespace lathe::detail {

/// oneDNN forward and for the data gradient, our own weight gradient. Precondition:
/// shape.is_depthwise().
[[nodiscard]] training_recipe train_depthwise(const parameter_view& weight,
                                              const convolution_shape& shape,
                                              const training_context& context);

}  // namespace lathe::detail
