// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/depthwise_rows.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/depthwise_rows.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"

#ifndef LATHE_KERNELS_DEPTHWISE_ROWS_ONCE
#define LATHE_KERNELS_DEPTHWISE_ROWS_ONCE

#include <cstdint>
#include <string>

#include "engine/kernels/parallel.hpp"
#include "lathe/core/error.hpp"

namespace lathe::kernels {
namespace {

constexpr std::int64_t most_rows = 16;

// One row of results as a sum of correlations of source rows: result t takes the columns
// first + t * stride ... of each row, `taps` of them; columns outside [0, columns) are zero.
struct row_sum {
    std::int64_t rows;
    const float* source[most_rows];
    const float* weight[most_rows];  // first tap of the row
    std::int64_t weight_step;        // floats from tap to tap, may be negative
    std::int64_t taps;
    std::int64_t stride;   // source columns from result to result
    std::int64_t first;    // source column of the first result's first tap
    std::int64_t columns;  // of the source
    std::int64_t results;
    std::int64_t result_step;  // floats from result to result
    std::int64_t channels;
    const float* bias;  // or null
    std::optional<activation> act;  // only with results one after the other
    float* result;
};

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

// Vector registers decide how many results are summed at once.
#if HWY_TARGET <= HWY_AVX3
constexpr bool many_registers = true;
#else
constexpr bool many_registers = false;
#endif

// Adds the value in the tile's column u times the weight of each tap to the result it belongs to.
template <int Taps, int Stride, int Tile, class D>
HWY_INLINE void add_products(D, int u, hn::Vec<D> value, const hn::Vec<D>* weight,
                             hn::Vec<D>* sums) {
#pragma GCC unroll 7
    for (int j = 0; j < Taps; ++j) {
        const int offset = u - j;
        if (offset >= 0 && offset % Stride == 0 && offset / Stride < Tile) {
            sums[offset / Stride] = hn::MulAdd(value, weight[j], sums[offset / Stride]);
        }
    }
}

// Results begin ... begin + Tile of one channel block: all sums stay in registers.
template <int Taps, int Stride, int Tile, class D>
HWY_INLINE void sum_tile(D d, const row_sum& s, std::int64_t channel, std::int64_t begin) {
    hn::Vec<D> sums[Tile];
    const auto start = s.bias != nullptr ? hn::LoadU(d, s.bias + channel) : hn::Zero(d);
#pragma GCC unroll 14
    for (int t = 0; t < Tile; ++t) sums[t] = start;
    const std::int64_t column = s.first + begin * Stride;
    constexpr int span = (Tile - 1) * Stride + Taps;
    const bool inside = column >= 0 && column + span <= s.columns;
    for (std::int64_t r = 0; r < s.rows; ++r) {
        hn::Vec<D> weight[Taps];
#pragma GCC unroll 7
        for (int j = 0; j < Taps; ++j) {
            weight[j] = hn::LoadU(d, s.weight[r] + j * s.weight_step + channel);
        }
        const float* source = s.source[r] + column * s.channels + channel;
        if (inside) {
#pragma GCC unroll 33
            for (int u = 0; u < span; ++u) {
                add_products<Taps, Stride, Tile>(d, u, hn::LoadU(d, source), weight, sums);
                source += s.channels;
            }
        } else {
#pragma GCC unroll 33
            for (int u = 0; u < span; ++u) {
                if (column + u >= 0 && column + u < s.columns) {
                    add_products<Taps, Stride, Tile>(d, u, hn::LoadU(d, source), weight, sums);
                }
                source += s.channels;
            }
        }
    }
    float* to = s.result + begin * s.result_step + channel;
#pragma GCC unroll 14
    for (int t = 0; t < Tile; ++t) {
        if (begin + t < s.results) hn::StoreU(sums[t], d, to + t * s.result_step);
    }
}

template <int Taps, int Stride, int Tile>
void sum_row(const row_sum& s) {
    const hn::CappedTag<float, 16> d;
    const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
    std::int64_t channel = 0;
    for (; channel + lanes <= s.channels; channel += lanes) {
        for (std::int64_t t = 0; t < s.results; t += Tile) {
            sum_tile<Taps, Stride, Tile>(d, s, channel, t);
        }
    }
    // Channels beyond the last full vector: few, so a small tile keeps the code small.
    constexpr int small_tile = 4;
    const hn::CappedTag<float, 1> one;
    for (; channel < s.channels; ++channel) {
        for (std::int64_t t = 0; t < s.results; t += small_tile) {
            sum_tile<Taps, Stride, small_tile>(one, s, channel, t);
        }
    }
}

// The tile that computes the fewest results beyond the row's end; among equals the largest.
template <int Taps, int Stride>
void sum_row_tiled(const row_sum& s) {
    const auto padded = [&](std::int64_t tile) { return (s.results + tile - 1) / tile * tile; };
    std::int64_t best = 8;
    if constexpr (many_registers) {
        for (const std::int64_t tile : {14, 7, 4}) {
            if (padded(tile) < padded(best) || (padded(tile) == padded(best) && tile > best)) {
                best = tile;
            }
        }
        if (best == 14) return sum_row<Taps, Stride, 14>(s);
        if (best == 7) return sum_row<Taps, Stride, 7>(s);
    } else if (padded(4) < padded(8)) {
        best = 4;
    }
    if (best == 4) return sum_row<Taps, Stride, 4>(s);
    return sum_row<Taps, Stride, 8>(s);
}

template <class Activation>
void activate(std::int64_t count, float* values) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        hn::StoreU(Activation::apply(d, hn::LoadU(d, values + i)), d, values + i);
    }
    const hn::CappedTag<float, 1> one;
    for (; i < count; ++i) {
        hn::StoreU(Activation::apply(one, hn::LoadU(one, values + i)), one, values + i);
    }
}

void activate_row(activation act, std::int64_t count, float* values) {
    switch (act) {
        case activation::relu: return activate<relu_activation>(count, values);
        case activation::relu6: return activate<relu6_activation>(count, values);
        case activation::hard_swish: return activate<hard_swish_activation>(count, values);
        case activation::swish: return activate<swish_activation>(count, values);
        case activation::gelu: return activate<gelu_activation>(count, values);
    }
}

// Forward has 3, 5 or 7 taps; the data gradient of stride 2 has half of them, rounded either way.
void sum_all(const row_sum& s) {
    if (s.stride == 1) {
        switch (s.taps) {
            case 1: return sum_row_tiled<1, 1>(s);
            case 2: return sum_row_tiled<2, 1>(s);
            case 3: return sum_row_tiled<3, 1>(s);
            case 4: return sum_row_tiled<4, 1>(s);
            case 5: return sum_row_tiled<5, 1>(s);
            default: return sum_row_tiled<7, 1>(s);
        }
    }
    switch (s.taps) {
        case 3: return sum_row_tiled<3, 2>(s);
        case 5: return sum_row_tiled<5, 2>(s);
        default: return sum_row_tiled<7, 2>(s);
    }
}

void compute_row(const row_sum& s) {
    sum_all(s);
    // Once more over the row, which is still in the first-level cache.
    if (s.act) activate_row(*s.act, s.results * s.channels, s.result);
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(compute_row);

void require_rows(const depthwise_shape& shape, const char* place) {
    if (has_depthwise_rows(shape)) return;
    throw error(errc::internal, place,
                "kernel " + std::to_string(shape.kernel_h) + "x" + std::to_string(shape.kernel_w) +
                    ", stride " + std::to_string(shape.stride),
                "ask has_depthwise_rows first");
}

}  // namespace

bool has_depthwise_rows(const depthwise_shape& shape) {
    const bool width = shape.kernel_w == 3 || shape.kernel_w == 5 || shape.kernel_w == 7;
    return width && shape.kernel_h <= most_rows && (shape.stride == 1 || shape.stride == 2);
}

void depthwise_forward(const depthwise_shape& s, std::optional<activation> act, const float* src,
                       const float* weight, const float* bias, float* dst) {
    require_rows(s, "depthwise_forward");
    parallel_for(s.batch * s.out_h, [&](std::int64_t image_row) {
        const std::int64_t n = image_row / s.out_h;
        const std::int64_t y = image_row % s.out_h;
        row_sum row{};
        for (std::int64_t i = 0; i < s.kernel_h; ++i) {
            const std::int64_t from = y * s.stride + i - s.pad;
            if (from < 0 || from >= s.in_h) continue;
            row.source[row.rows] = src + (n * s.in_h + from) * s.in_w * s.channels;
            row.weight[row.rows] = weight + i * s.kernel_w * s.channels;
            ++row.rows;
        }
        row.weight_step = s.channels;
        row.taps = s.kernel_w;
        row.stride = s.stride;
        row.first = -s.pad;
        row.columns = s.in_w;
        row.results = s.out_w;
        row.result_step = s.channels;
        row.channels = s.channels;
        row.bias = bias;
        row.act = act;
        row.result = dst + (n * s.out_h + y) * s.out_w * s.channels;
        HWY_DYNAMIC_DISPATCH(compute_row)(row);
    });
}

void depthwise_data_gradient(const depthwise_shape& s, const float* diff_dst, const float* weight,
                             float* diff_src) {
    require_rows(s, "depthwise_data_gradient");
    parallel_for(s.batch * s.in_h, [&](std::int64_t image_row) {
        const std::int64_t n = image_row / s.in_h;
        const std::int64_t y = image_row % s.in_h;
        row_sum row{};
        std::int64_t kernel_rows[most_rows];
        for (std::int64_t i = 0; i < s.kernel_h; ++i) {
            const std::int64_t scaled = y + s.pad - i;
            if (scaled < 0 || scaled % s.stride != 0 || scaled / s.stride >= s.out_h) continue;
            kernel_rows[row.rows] = i;
            row.source[row.rows] =
                diff_dst + (n * s.out_h + scaled / s.stride) * s.out_w * s.channels;
            ++row.rows;
        }
        row.weight_step = -s.stride * s.channels;
        row.stride = 1;
        row.columns = s.out_w;
        row.result_step = s.stride * s.channels;
        row.channels = s.channels;
        // Columns of one remainder modulo the stride see the same taps, in falling order.
        for (std::int64_t phase = 0; phase < s.stride; ++phase) {
            const std::int64_t lowest = (phase + s.pad) % s.stride;
            row.taps = (s.kernel_w - lowest + s.stride - 1) / s.stride;
            const std::int64_t highest = lowest + (row.taps - 1) * s.stride;
            // exact: phase + pad - highest is a multiple of the stride
            row.first = (phase + s.pad - highest) / s.stride;
            for (std::int64_t r = 0; r < row.rows; ++r) {
                row.weight[r] = weight + (kernel_rows[r] * s.kernel_w + highest) * s.channels;
            }
            row.results = (s.in_w - phase + s.stride - 1) / s.stride;
            row.result = diff_src + ((n * s.in_h + y) * s.in_w + phase) * s.channels;
            HWY_DYNAMIC_DISPATCH(compute_row)(row);
        }
    });
}

}  // namespace lathe::kernels
#endif
