// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/rows.hpp"

#include <algorithm>
#include <array>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

template <class T, class Addend>
void add_row(std::int64_t columns, const Addend* addend, T* row) {
    for (std::int64_t c = 0; c < columns; ++c) {
        row[c] = stored_as<T>(to_float(row[c]) + to_float(addend[c]));
    }
}

}  // namespace

template <class T>
void add_to_rows(std::int64_t rows, std::int64_t columns, const float* values, T* dst) {
    parallel_for(rows, [&](std::int64_t r) { add_row(columns, values, dst + r * columns); });
}

template <class T>
void column_sums(std::int64_t rows, std::int64_t columns, const T* src, float* sums) {
    constexpr std::int64_t block = 32;
    const std::int64_t blocks = (columns + block - 1) / block;
    parallel_for(blocks, [&](std::int64_t b) {
        const std::int64_t begin = b * block;
        const std::int64_t width = std::min(block, columns - begin);
        std::array<double, block> total{};
        for (std::int64_t r = 0; r < rows; ++r) {
            const T* row = src + r * columns + begin;
            for (std::int64_t c = 0; c < width; ++c) {
                total[static_cast<std::size_t>(c)] += to_float(row[c]);
            }
        }
        for (std::int64_t c = 0; c < width; ++c) {
            sums[begin + c] = static_cast<float>(total[static_cast<std::size_t>(c)]);
        }
    });
}

template <class T>
void subsample(const subsample_shape& s, const T* src, T* dst) {
    parallel_for(s.batch * s.out_h, [&](std::int64_t row) {
        const std::int64_t n = row / s.out_h;
        const std::int64_t y = row % s.out_h * s.stride_h;
        for (std::int64_t x = 0; x < s.out_w; ++x) {
            std::copy_n(src + ((n * s.in_h + y) * s.in_w + x * s.stride_w) * s.channels, s.channels,
                        dst + (row * s.out_w + x) * s.channels);
        }
    });
}

template <class T>
void spread(const subsample_shape& s, const T* src, T* dst, bool accumulate) {
    if (!accumulate) {
        parallel_for(s.batch * s.in_h, [&](std::int64_t row) {
            std::fill_n(dst + row * s.in_w * s.channels, s.in_w * s.channels, T{});
        });
    }
    parallel_for(s.batch * s.out_h, [&](std::int64_t row) {
        const std::int64_t n = row / s.out_h;
        const std::int64_t y = row % s.out_h * s.stride_h;
        for (std::int64_t x = 0; x < s.out_w; ++x) {
            add_row(s.channels, src + (row * s.out_w + x) * s.channels,
                    dst + ((n * s.in_h + y) * s.in_w + x * s.stride_w) * s.channels);
        }
    });
}

#define LATHE_FOR_STORAGE(T)                                                          \
    template void add_to_rows(std::int64_t, std::int64_t, const float*, T*);          \
    template void column_sums(std::int64_t, std::int64_t, const T*, float*);          \
    template void subsample(const subsample_shape&, const T*, T*);                    \
    template void spread(const subsample_shape&, const T*, T*, bool);
LATHE_FOR_STORAGE(float)
LATHE_FOR_STORAGE(bf16)
#undef LATHE_FOR_STORAGE

}  // namespace lathe::kernels
