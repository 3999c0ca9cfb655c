// SPDX-License-Identifier: Apache-2.0
// Helpers on row-major matrices stored as T, float or bf16: biases and strided picking of pixels.
// What is computed is rounded once.
#pragma once

#include <cstdint>

#include "engine/kernels/bf16.hpp"

namespace lathe::kernels {

/// dst[r][c] += values[c].
template <class T>
void add_to_rows(std::int64_t rows, std::int64_t columns, const float* values, T* dst);

/// sums[c] = sum over rows of src[r][c], added in the order of rows in double precision.
template <class T>
void column_sums(std::int64_t rows, std::int64_t columns, const T* src, float* sums);

struct subsample_shape {
    std::int64_t batch, channels, in_h, in_w, out_h, out_w, stride_h, stride_w;
};

/// dst[n][y][x] = src[n][y * stride_h][x * stride_w], all channels.
template <class T>
void subsample(const subsample_shape& shape, const T* src, T* dst);

/// Writes (or adds) the rows of `src` where subsample() took them from; the rest becomes 0 (or stays).
template <class T>
void spread(const subsample_shape& shape, const T* src, T* dst, bool accumulate);

}  // namespace lathe::kernels
