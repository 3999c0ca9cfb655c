// SPDX-License-Identifier: Apache-2.0
// Helpers on row-major matrices: biases and strided picking of pixels.
#pragma once

#include <cstdint>

namespace lathe::kernels {

/// dst[r][c] += values[c].
void add_to_rows(std::int64_t rows, std::int64_t columns, const float* values, float* dst);

/// sums[c] = sum over rows of src[r][c], added in the order of rows in double precision.
void column_sums(std::int64_t rows, std::int64_t columns, const float* src, float* sums);

struct subsample_shape {
    std::int64_t batch, channels, in_h, in_w, out_h, out_w, stride_h, stride_w;
};

/// dst[n][y][x] = src[n][y * stride_h][x * stride_w], all channels.
void subsample(const subsample_shape& shape, const float* src, float* dst);

/// Writes (or adds) the rows of `src` where subsample() took them from; the rest becomes 0 (or stays).
void spread(const subsample_shape& shape, const float* src, float* dst, bool accumulate);

}  // namespace lathe::kernels
