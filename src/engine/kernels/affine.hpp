// SPDX-License-Identifier: Apache-2.0
// Scale and shift per channel: a batch norm with fixed statistics.
#pragma once

#include <cstdint>

namespace lathe::kernels {

/// dst[r][c] = src[r][c] * factor[c] + offset[c]; dst may be src.
void channel_affine(std::int64_t rows, std::int64_t channels, const float* src, const float* factor,
                    const float* offset, float* dst);

}  // namespace lathe::kernels
