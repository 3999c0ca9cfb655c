// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions as our kernels see them.
#pragma once

#include "engine/convolution_shape.hpp"
#include "engine/kernels/depthwise.hpp"

namespace lathe::detail {

[[nodiscard]] inline kernels::depthwise_shape depthwise_of(const convolution_shape& s) {
    return {s.batch, s.in_channels, s.in_h,      s.in_w,      s.out_h,
            s.out_w, s.kernel[0],   s.kernel[1], s.stride[0], s.padding[0]};
}

/// The kernels want (kernel height, kernel width, channels); masters are kept by channel.
inline void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    }
}

}  // namespace lathe::detail
