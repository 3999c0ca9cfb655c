// SPDX-License-Identifier: Apache-2.0
// Pooling over windows at inference, on dense NHWC tensors of float32.
#pragma once

#include <cstdint>

#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// out = (in + 2 padding - kernel) / stride + 1 in each direction; the padding is smaller than the
/// kernel, so that no window is empty.
struct pool_shape {
    std::int64_t batch;
    std::int64_t channels;
    std::int64_t in_h, in_w;
    std::int64_t out_h, out_w;
    std::int64_t kernel_h, kernel_w;
    std::int64_t stride_h, stride_w;
    std::int64_t padding_h, padding_w;
};

/// dst = largest value or mean of each window, the padding not counted. NaN is passed on. Bits do
/// not depend on the thread count.
void pool_forward(const pool_shape& shape, pooling kind, const float* src, float* dst);

}  // namespace lathe::kernels
