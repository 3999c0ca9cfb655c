// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and its data gradient, row by row, on dense NHWC tensors stored as T: float
// or bf16. All arithmetic is float32; bf16 results are rounded once, to nearest even. Weights need
// no reorder.
#pragma once

#include <optional>

#include "engine/kernels/bf16.hpp"
#include "engine/kernels/depthwise.hpp"
#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// Whether the two functions below take this shape: kernel width 3, 5 or 7, kernel height at most
/// 16, stride 1 or 2; any padding, size and channel count (from 16 on fast).
[[nodiscard]] bool has_depthwise_rows(const depthwise_shape& shape);

/// dst = act(correlation of src with the kernels + bias). src: [batch][in_h][in_w][channels],
/// weight: [kernel_h][kernel_w][channels], bias: [channels] or null,
/// dst: [batch][out_h][out_w][channels]. Bits do not depend on the thread count.
/// Throws error (internal) unless has_depthwise_rows(shape).
template <class T>
void depthwise_forward(const depthwise_shape& shape, std::optional<activation> act, const T* src,
                       const float* weight, const float* bias, T* dst);

/// Gradient of the correlation with respect to src, overwriting diff_src. Same shapes and errors.
template <class T>
void depthwise_data_gradient(const depthwise_shape& shape, const T* diff_dst, const float* weight,
                             T* diff_src);

}  // namespace lathe::kernels
