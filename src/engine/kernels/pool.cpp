// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/pool.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/pool.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/channel_blocks-inl.hpp"

#ifndef LATHE_KERNELS_POOL_ONCE
#define LATHE_KERNELS_POOL_ONCE

#include <algorithm>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

// The part of one window that lies inside the image; `src` is at its first pixel.
struct window {
    const float* src;
    std::int64_t rows, columns;
    std::int64_t row_step, pixel_step;  // floats
};

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

struct largest {
    template <class D>
    static HWY_INLINE hn::Vec<D> join(D, hn::Vec<D> best, hn::Vec<D> x) {
        return hn::IfThenElse(hn::Or(hn::Gt(x, best), hn::IsNaN(x)), x, best);
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> finish(D, hn::Vec<D> best, std::int64_t) {
        return best;
    }
};

struct mean_value {
    template <class D>
    static HWY_INLINE hn::Vec<D> join(D, hn::Vec<D> sum, hn::Vec<D> x) {
        return hn::Add(sum, x);
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> finish(D d, hn::Vec<D> sum, std::int64_t count) {
        return hn::Div(sum, hn::Set(d, static_cast<float>(count)));
    }
};

template <class Kind>
struct window_body {
    window w;
    float* HWY_RESTRICT dst;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> joined[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) joined[v] = hn::LoadU(d, w.src + channel + v * lanes);
        for (std::int64_t y = 0; y < w.rows; ++y) {
            for (std::int64_t x = y == 0 ? 1 : 0; x < w.columns; ++x) {
                const float* from = w.src + y * w.row_step + x * w.pixel_step + channel;
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    joined[v] = Kind::join(d, joined[v], hn::LoadU(d, from + v * lanes));
                }
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            hn::StoreU(Kind::finish(d, joined[v], w.rows * w.columns), d,
                       dst + channel + v * lanes);
        }
    }
};

void pool_window(const window& w, pooling kind, std::int64_t channels, float* dst) {
    if (kind == pooling::max) return for_channel_blocks(channels, window_body<largest>{w, dst});
    for_channel_blocks(channels, window_body<mean_value>{w, dst});
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(pool_window);

struct range {
    std::int64_t first, count;
};

/// What the window of result `at` covers of a row or column of `size`.
range covered(std::int64_t at, std::int64_t stride, std::int64_t padding, std::int64_t kernel,
              std::int64_t size) {
    const std::int64_t begin = at * stride - padding;
    const std::int64_t first = std::max<std::int64_t>(begin, 0);
    return {first, std::min(begin + kernel, size) - first};
}

}  // namespace

void pool_forward(const pool_shape& s, pooling kind, const float* src, float* dst) {
    const std::int64_t row_step = s.in_w * s.channels;
    const auto pool_row = [&](std::int64_t row) {
        const range rows = covered(row % s.out_h, s.stride_h, s.padding_h, s.kernel_h, s.in_h);
        const float* image = src + row / s.out_h * s.in_h * row_step;
        for (std::int64_t x = 0; x < s.out_w; ++x) {
            const range columns = covered(x, s.stride_w, s.padding_w, s.kernel_w, s.in_w);
            const window w{image + rows.first * row_step + columns.first * s.channels, rows.count,
                           columns.count, row_step, s.channels};
            HWY_DYNAMIC_DISPATCH(pool_window)(w, kind, s.channels,
                                              dst + (row * s.out_w + x) * s.channels);
        }
    };
    parallel_for(s.batch * s.out_h, pool_row, s.batch * s.out_h * s.out_w * s.channels > 10000);
}

}  // namespace lathe::kernels
#endif
