// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels on `count` contiguous values stored as T: float or bf16. Everything is
// computed in float32 and rounded once. Values pass NaN on, and so do gradients where the
// derivative at the input is not zero.
#pragma once

#include <cstdint>

#include "engine/kernels/bf16.hpp"
#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// dst += src.
template <class T>
void add_inplace(std::int64_t count, const T* src, T* dst);

/// dst = act(src); dst may be src.
template <class T>
void activation_forward(activation act, std::int64_t count, const T* src, T* dst);

/// diff_src = diff_dst * act'(src), src being the forward input; diff_src may be diff_dst or src.
template <class T>
void activation_backward(activation act, std::int64_t count, const T* src, const T* diff_dst,
                         T* diff_src);

/// dst = src, to nearest, ties to even. The two must not overlap.
void convert(std::int64_t count, const float* src, bf16* dst);

/// dst = src, exactly. The two must not overlap.
void convert(std::int64_t count, const bf16* src, float* dst);

}  // namespace lathe::kernels
