// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and its data gradient on dense float32 NHWC tensors.
#pragma once

#include "engine/kernels/depthwise.hpp"

namespace lathe::kernels {

/// dst[batch][out_h][out_w][channels] = correlation of src with weight[kernel_h][kernel_w][channels].
void depthwise_forward(const depthwise_shape& shape, const float* src, const float* weight,
                       float* dst);

/// diff_src[batch][in_h][in_w][channels], overwritten.
void depthwise_data_gradient(const depthwise_shape& shape, const float* diff_dst,
                             const float* weight, float* diff_src);

}  // namespace lathe::kernels
