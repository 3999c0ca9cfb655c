// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels on `count` contiguous float32 values. Values pass NaN on, and
// so do gradients where the derivative at the input is not zero.
#pragma once

#include <cstdint>

#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// dst += src.
void add_inplace(std::int64_t count, const float* src, float* dst);

/// dst = act(src); dst may be src.
void activation_forward(activation act, std::int64_t count, const float* src, float* dst);

/// diff_src = diff_dst * act'(src), src being the forward input; diff_src may be diff_dst or src.
void activation_backward(activation act, std::int64_t count, const float* src,
                         const float* diff_dst, float* diff_src);

}  // namespace lathe::kernels
