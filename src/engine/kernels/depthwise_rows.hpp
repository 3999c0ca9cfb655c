// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and its data gradient on dense float32 NHWC tensors, row by row. For
// kernels of 5 and 7 faster than oneDNN's while tensors fit in the cache; weights need no reorder.
#pragma once

#include <optional>

#include "engine/kernels/depthwise.hpp"
#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// Whether the two functions below take this shape: kernel width 3, 5 or 7, kernel height at most
/// 16, stride 1 or 2; any padding, size and channel count (multiples of 16 are fastest).
[[nodiscard]] bool has_depthwise_rows(const depthwise_shape& shape);

/// dst = act(correlation of src with the kernels + bias). src: [batch][in_h][in_w][channels],
/// weight: [kernel_h][kernel_w][channels], bias: [channels] or null,
/// dst: [batch][out_h][out_w][channels]. Bits do not depend on the thread count.
/// Throws error (internal) unless has_depthwise_rows(shape).
void depthwise_forward(const depthwise_shape& shape, std::optional<activation> act,
                       const float* src, const float* weight, const float* bias, float* dst);

/// Gradient of the correlation with respect to src, overwriting diff_src. Same shapes and errors.
void depthwise_data_gradient(const depthwise_shape& shape, const float* diff_dst,
                             const float* weight, float* diff_src);

}  // namespace lathe::kernels
