// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/rows.hpp"

#include <algorithm>
#include <array>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {

void add_to_rows(std::int64_t rows, std::int64_t columns, const float* values, float* dst) {
    parallel_for(rows, [&](std::int64_t r) {
        for (std::int64_t c = 0; c < columns; ++c) dst[r * columns + c] += values[c];
    });
}

void column_sums(std::int64_t rows, std::int64_t columns, const float* src, float* sums) {
    constexpr std::int64_t block = 32;
    const std::int64_t blocks = (columns + block - 1) / block;
    parallel_for(blocks, [&](std::int64_t b) {
        const std::int64_t begin = b * block;
        const std::int64_t width = std::min(block, columns - begin);
        std::array<double, block> total{};
        for (std::int64_t r = 0; r < rows; ++r) {
            const float* row = src + r * columns + begin;
            for (std::int64_t c = 0; c < width; ++c) total[static_cast<std::size_t>(c)] += row[c];
        }
        for (std::int64_t c = 0; c < width; ++c) {
            sums[begin + c] = static_cast<float>(total[static_cast<std::size_t>(c)]);
        }
    });
}

void subsample(const subsample_shape& s, const float* src, float* dst) {
    parallel_for(s.batch * s.out_h, [&](std::int64_t row) {
        const std::int64_t n = row / s.out_h;
        const std::int64_t y = row % s.out_h * s.stride_h;
        for (std::int64_t x = 0; x < s.out_w; ++x) {
            std::copy_n(src + ((n * s.in_h + y) * s.in_w + x * s.stride_w) * s.channels, s.channels,
                        dst + (row * s.out_w + x) * s.channels);
        }
    });
}

void spread(const subsample_shape& s, const float* src, float* dst, bool accumulate) {
    if (!accumulate) {
        parallel_for(s.batch * s.in_h, [&](std::int64_t row) {
            std::fill_n(dst + row * s.in_w * s.channels, s.in_w * s.channels, 0.0F);
        });
    }
    parallel_for(s.batch * s.out_h, [&](std::int64_t row) {
        const std::int64_t n = row / s.out_h;
        const std::int64_t y = row % s.out_h * s.stride_h;
        for (std::int64_t x = 0; x < s.out_w; ++x) {
            const float* from = src + (row * s.out_w + x) * s.channels;
            float* to = dst + ((n * s.in_h + y) * s.in_w + x * s.stride_w) * s.channels;
            for (std::int64_t c = 0; c < s.channels; ++c) to[c] += from[c];
        }
    });
}

}  // namespace lathe::kernels
