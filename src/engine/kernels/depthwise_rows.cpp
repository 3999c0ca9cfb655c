// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/depthwise_rows.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/depthwise_rows.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/registers-inl.hpp"
#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_DEPTHWISE_ROWS_ONCE
#define LATHE_KERNELS_DEPTHWISE_ROWS_ONCE

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "engine/kernels/depthwise_correlation.hpp"
#include "engine/kernels/parallel.hpp"
#include "lathe/core/error.hpp"

namespace lathe::kernels {
namespace {

// One row of results as a sum of correlations of source rows: result t takes the columns
// first + t * stride ... of each row, `taps` of them; columns outside [0, columns) are zero.
struct row_sum {
    std::int64_t rows;
    const float* source[most_rows];
    const float* weight[most_rows];  // first tap of the row
    std::int64_t source_step;        // floats from column to column
    std::int64_t weight_step;        // floats from tap to tap, may be negative
    std::int64_t taps;
    std::int64_t stride;   // source columns from result to result
    std::int64_t first;    // source column of the first result's first tap
    std::int64_t columns;  // of the source
    std::int64_t results;
    std::int64_t result_step;  // floats from result to result
    std::int64_t channels;
    const float* bias;  // or null
    float* result;
};

// What one call computes.
template <class T>
struct rows_problem {
    depthwise_shape shape;
    direction way;
    std::optional<activation> act;
    const T* source;
    const float* weight;
    const float* bias;  // or null
    T* result;
};

// Some channels and columns of an image.
template <class T>
struct image_block {
    T* data;
    std::int64_t row_step;    // elements from row to row
    std::int64_t pixel_step;  // elements from column to column
    std::int64_t columns;
    std::int64_t channels;
};

// A tensor of another type than float is computed on through rows of float on the stack: widening
// each source value once costs less than at each of its taps. Blocks of channels, and where that is
// not enough of columns, keep these rows in the cache.
template <class T>
constexpr std::int64_t buffer_floats = std::is_same_v<T, float> ? 1 : 16 * 1024;

struct block_extent {
    std::int64_t channels;
    std::int64_t columns;  // of results
};

template <class T>
block_extent extent_of(const depthwise_shape& s, const correlation& c) {
    block_extent extent{s.channels, c.result_w};
    if constexpr (!std::is_same_v<T, float>) {
        constexpr std::int64_t vector = 16;
        const auto floats = [&] {  // of the buffer, for one vector of channels
            const std::int64_t under = ceil_div(extent.columns, c.phases) * c.stride + s.kernel_w;
            return vector * (rows_at_once(s, c) * std::min(c.source_w, under) + extent.columns);
        };
        while (floats() > buffer_floats<T>) {
            extent.columns = ceil_div(extent.columns, 2 * c.phases) * c.phases;
        }
        const std::int64_t vectors = ceil_div(s.channels, vector);
        const std::int64_t blocks = ceil_div(vectors, buffer_floats<T> / floats());
        extent.channels = std::min(s.channels, ceil_div(vectors, blocks) * vector);
    }
    return extent;
}

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

// Vector registers decide how many results are summed at once.
#if HWY_TARGET <= HWY_AVX3
constexpr int largest_tile = 16;
#else
constexpr int largest_tile = 8;
#endif

// Results begin ... begin + Tile of one channel block: all sums stay in registers.
template <int Taps, int Stride, int Tile, class D>
HWY_INLINE void sum_tile(D d, const row_sum& s, std::int64_t channel, std::int64_t begin) {
    hn::Vec<D> sums[Tile];
    const auto start = s.bias != nullptr ? hn::LoadU(d, s.bias + channel) : hn::Zero(d);
#pragma GCC unroll 16
    for (int t = 0; t < Tile; ++t) sums[t] = start;
    // Bit u of `present`: the source has column u of those under the tile.
    constexpr int span = (Tile - 1) * Stride + Taps;
    const std::int64_t column = s.first + begin * Stride;
    const auto bits_below = [](std::int64_t u) {
        return (std::uint64_t{1} << std::clamp<std::int64_t>(u, 0, span)) - 1;
    };
    std::uint64_t present = bits_below(s.columns - column) & ~bits_below(-column);
    for (std::int64_t r = 0; r < s.rows; ++r) {
        hn::Vec<D> weight[Taps];
#pragma GCC unroll 7
        for (int j = 0; j < Taps; ++j) {
            weight[j] = hn::LoadU(d, s.weight[r] + j * s.weight_step + channel);
        }
        const float* source = s.source[r] + column * s.source_step + channel;
        hide(present);
#pragma GCC unroll 37
        for (int u = 0; u < span; ++u) {
            if ((present >> u & 1) != 0) {
                auto value = hn::LoadU(d, source);
                keep_loaded(value);
#pragma GCC unroll 7
                for (int j = 0; j < Taps; ++j) {
                    const int offset = u - j;
                    if (offset >= 0 && offset % Stride == 0 && offset / Stride < Tile) {
                        sums[offset / Stride] = hn::MulAdd(value, weight[j], sums[offset / Stride]);
                    }
                }
            }
            source += s.source_step;
            hide(source);
        }
    }
    float* to = s.result + begin * s.result_step + channel;
    const std::int64_t results = s.results - begin;
#pragma GCC unroll 16
    for (int t = 0; t < Tile; ++t) {
        if (t < results) hn::StoreU(sums[t], d, to);
        to += s.result_step;
        hide(to);
    }
}

template <int Taps, int Stride, class D>
HWY_INLINE void sum_channels(D d, const row_sum& s, std::int64_t channel) {
    std::int64_t t = 0;
    for (; s.results - t > largest_tile / 2; t += largest_tile) {
        sum_tile<Taps, Stride, largest_tile>(d, s, channel, t);
    }
    if (s.results - t > largest_tile / 4) {
        sum_tile<Taps, Stride, largest_tile / 2>(d, s, channel, t);
    } else if (s.results > t) {
        sum_tile<Taps, Stride, largest_tile / 4>(d, s, channel, t);
    }
}

template <int Taps, int Stride>
void sum_row(const row_sum& s) {
    const hn::CappedTag<float, 16> d;
    const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
    if (s.channels >= lanes) {
        for (std::int64_t channel = 0; channel < s.channels; channel += lanes) {
            // the last vector may take channels of the one before once more
            sum_channels<Taps, Stride>(d, s, std::min(channel, s.channels - lanes));
        }
        return;
    }
    // Few channels: a small tile keeps the code small.
    constexpr int small_tile = 4;
    const hn::CappedTag<float, 1> one;
    for (std::int64_t channel = 0; channel < s.channels; ++channel) {
        for (std::int64_t t = 0; t < s.results; t += small_tile) {
            sum_tile<Taps, Stride, small_tile>(one, s, channel, t);
        }
    }
}

// Forward has 3, 5 or 7 taps; the data gradient of stride 2 has half of them, rounded either way.
void sum_all(const row_sum& s) {
    if (s.stride == 1) {
        switch (s.taps) {
            case 1: return sum_row<1, 1>(s);
            case 2: return sum_row<2, 1>(s);
            case 3: return sum_row<3, 1>(s);
            case 4: return sum_row<4, 1>(s);
            case 5: return sum_row<5, 1>(s);
            default: return sum_row<7, 1>(s);
        }
    }
    switch (s.taps) {
        case 3: return sum_row<3, 2>(s);
        case 5: return sum_row<5, 2>(s);
        default: return sum_row<7, 2>(s);
    }
}

// body(offset in the block's row of floats, offset in the block's own row, length): one run if the
// block has all channels of its pixels, else one a pixel.
template <class T, class Body>
HWY_INLINE void for_each_run(const image_block<T>& block, const Body& body) {
    if (block.channels == block.pixel_step) return body(0, 0, block.columns * block.channels);
    for (std::int64_t x = 0; x < block.columns; ++x) {
        body(x * block.channels, x * block.pixel_step, block.channels);
    }
}

template <class T>
void widen(std::int64_t count, const T* HWY_RESTRICT from, float* HWY_RESTRICT to) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) hn::StoreU(load(d, from + i), d, to + i);
    for (; i < count; ++i) to[i] = to_float(from[i]);
}

// Rows of the block as float: its own if it has floats, else widened ones, of which as many
// neighbouring rows as the ring has are valid at once.
template <class T>
class float_rows {
public:
    float_rows(const image_block<const T>& block, std::int64_t ring_rows, float* ring)
        : block_(block), ring_rows_(ring_rows), ring_(ring) {
        std::fill_n(held_, ring_rows, -1);
    }

    std::int64_t pixel_step() const {
        return std::is_same_v<T, float> ? block_.pixel_step : block_.channels;
    }

    const float* operator[](std::int64_t y) {
        const T* own = block_.data + y * block_.row_step;
        if constexpr (std::is_same_v<T, float>) {
            return own;
        } else {
            const std::int64_t slot = y % ring_rows_;
            float* row = ring_ + slot * block_.columns * block_.channels;
            if (held_[slot] != y) {
                for_each_run(block_, [&](std::int64_t to, std::int64_t from, std::int64_t count) {
                    widen(count, own + from, row + to);
                });
                held_[slot] = y;
            }
            return row;
        }
    }

private:
    image_block<const T> block_;
    std::int64_t ring_rows_;
    float* ring_;
    std::int64_t held_[most_rows];
};

template <class Activation, class T>
void finish_run(std::int64_t count, const float* from, T* to) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto activated = [&](std::int64_t i) HWY_ATTR {
        return Activation::apply(d, hn::LoadU(d, from + i));
    };
    std::int64_t i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        store_pair(d, activated(i), activated(i + lanes), to + i);
    }
    for (; i + lanes <= count; i += lanes) store(d, activated(i), to + i);
    const hn::CappedTag<float, 1> one;
    for (; i < count; ++i) store(one, Activation::apply(one, hn::LoadU(one, from + i)), to + i);
}

template <class Activation, class T>
void finish_runs(const float* sums, const image_block<T>& block, T* row) {
    for_each_run(block, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
        finish_run<Activation>(count, sums + from, row + to);
    });
}

// Activation and rounding of a row of sums, which is still in the first-level cache. Sums of a
// float tensor are already where they belong.
template <class T>
void finish_row(std::optional<activation> act, const float* sums, const image_block<T>& block,
                T* row) {
    if (!act) {
        if constexpr (!std::is_same_v<T, float>) {
            finish_runs<identity_activation>(sums, block, row);
        }
        return;
    }
    switch (*act) {
        case activation::relu: return finish_runs<relu_activation>(sums, block, row);
        case activation::relu6: return finish_runs<relu6_activation>(sums, block, row);
        case activation::hard_swish: return finish_runs<hard_swish_activation>(sums, block, row);
        case activation::swish: return finish_runs<swish_activation>(sums, block, row);
        case activation::gelu: return finish_runs<gelu_activation>(sums, block, row);
    }
}

// Result rows [first, last) of one image, of the channels from `channel` and the columns from
// `column` (a multiple of the phases) on.
template <class T>
void compute_block(const rows_problem<T>& p, const correlation& c, std::int64_t image,
                   std::int64_t first, std::int64_t last, std::int64_t channel,
                   std::int64_t column, const block_extent& extent, float* buffer) {
    const depthwise_shape& s = p.shape;
    const std::int64_t channels = std::min(extent.channels, s.channels - channel);
    const std::int64_t columns = std::min(extent.columns, c.result_w - column);
    const auto results_of = [&](std::int64_t phase) {
        return ceil_div(columns - phase, c.phases);
    };
    std::int64_t begin = c.source_w;  // source columns under these results
    std::int64_t end = 0;
    for (std::int64_t phase = 0; phase < c.phases; ++phase) {
        const phase_taps taps = taps_of(s, p.way, phase);
        const std::int64_t start = taps.first_column + column / c.phases * c.stride;
        begin = std::min(begin, start);
        end = std::max(end, start + (results_of(phase) - 1) * c.stride + taps.count);
    }
    begin = std::clamp<std::int64_t>(begin, 0, c.source_w);
    end = std::clamp<std::int64_t>(end, begin, c.source_w);

    const std::int64_t ring_rows = rows_at_once(s, c);
    const image_block<const T> source_block{
        p.source + (image * c.source_h * c.source_w + begin) * s.channels + channel,
        c.source_w * s.channels, s.channels, end - begin, channels};
    const image_block<T> result_block{
        p.result + (image * c.result_h * c.result_w + column) * s.channels + channel,
        c.result_w * s.channels, s.channels, columns, channels};
    float_rows<T> source(source_block, ring_rows, buffer);

    row_sum row;
    row.source_step = source.pixel_step();
    row.weight_step = c.tap_step * s.channels;
    row.stride = c.stride;
    row.columns = source_block.columns;
    row.result_step = c.phases * channels;
    row.channels = channels;
    row.bias = p.bias != nullptr ? p.bias + channel : nullptr;
    for (std::int64_t y = first; y < last; ++y) {
        const row_pairs pairs = pairs_of(s, p.way, y);
        row.rows = pairs.count;
        for (std::int64_t r = 0; r < pairs.count; ++r) row.source[r] = source[pairs.source[r]];
        T* const to = result_block.data + y * result_block.row_step;
        float* sums = nullptr;
        if constexpr (std::is_same_v<T, float>) {
            sums = to;
        } else {
            sums = buffer + ring_rows * source_block.columns * channels;
        }
        for (std::int64_t phase = 0; phase < c.phases; ++phase) {
            const phase_taps taps = taps_of(s, p.way, phase);
            row.taps = taps.count;
            row.first = taps.first_column + column / c.phases * c.stride - begin;
            for (std::int64_t r = 0; r < pairs.count; ++r) {
                row.weight[r] =
                    p.weight + (pairs.kernel[r] * s.kernel_w + taps.first) * s.channels + channel;
            }
            row.results = results_of(phase);
            row.result = sums + phase * channels;
            sum_all(row);
        }
        finish_row(p.act, sums, result_block, to);
    }
}

// Result rows [first, last) of all images' rows.
template <class T>
void compute_rows(const rows_problem<T>& p, std::int64_t first, std::int64_t last) {
    const correlation c = correlation_of(p.shape, p.way);
    const block_extent extent = extent_of<T>(p.shape, c);
    alignas(64) float buffer[buffer_floats<T>];
    while (first < last) {
        const std::int64_t image = first / c.result_h;
        const std::int64_t y = first % c.result_h;
        const std::int64_t rows = std::min(last - first, c.result_h - y);
        for (std::int64_t ch = 0; ch < p.shape.channels; ch += extent.channels) {
            for (std::int64_t x = 0; x < c.result_w; x += extent.columns) {
                compute_block(p, c, image, y, y + rows, ch, x, extent, buffer);
            }
        }
        first += rows;
    }
}

void compute_rows_float(const rows_problem<float>& p, std::int64_t first, std::int64_t last) {
    compute_rows(p, first, last);
}

void compute_rows_bf16(const rows_problem<bf16>& p, std::int64_t first, std::int64_t last) {
    compute_rows(p, first, last);
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(compute_rows_float);
HWY_EXPORT(compute_rows_bf16);

void require_rows(const depthwise_shape& shape, const char* place) {
    if (has_depthwise_rows(shape)) return;
    throw error(errc::internal, place,
                "kernel " + std::to_string(shape.kernel_h) + "x" + std::to_string(shape.kernel_w) +
                    ", stride " + std::to_string(shape.stride),
                "ask has_depthwise_rows first");
}

// Each thread takes neighbouring rows, so that it widens few of them that another one widens too.
template <class T>
void compute(const rows_problem<T>& p) {
    const std::int64_t rows = p.shape.batch * correlation_of(p.shape, p.way).result_h;
    const std::int64_t parts = std::min<std::int64_t>(rows, omp_get_max_threads());
    parallel_for(parts, [&](std::int64_t part) {
        const std::int64_t first = part * rows / parts;
        const std::int64_t last = (part + 1) * rows / parts;
        if constexpr (std::is_same_v<T, bf16>) {
            HWY_DYNAMIC_DISPATCH(compute_rows_bf16)(p, first, last);
        } else {
            HWY_DYNAMIC_DISPATCH(compute_rows_float)(p, first, last);
        }
    });
}

}  // namespace

bool has_depthwise_rows(const depthwise_shape& shape) {
    const bool width = shape.kernel_w == 3 || shape.kernel_w == 5 || shape.kernel_w == 7;
    return width && shape.kernel_h <= most_rows && (shape.stride == 1 || shape.stride == 2);
}

template <class T>
void depthwise_forward(const depthwise_shape& shape, std::optional<activation> act, const T* src,
                       const float* weight, const float* bias, T* dst) {
    require_rows(shape, "depthwise_forward");
    compute<T>({shape, direction::forward, act, src, weight, bias, dst});
}

template <class T>
void depthwise_data_gradient(const depthwise_shape& shape, const T* diff_dst, const float* weight,
                             T* diff_src) {
    require_rows(shape, "depthwise_data_gradient");
    compute<T>({shape, direction::data_gradient, {}, diff_dst, weight, nullptr, diff_src});
}

template void depthwise_forward(const depthwise_shape&, std::optional<activation>, const float*,
                                const float*, const float*, float*);
template void depthwise_forward(const depthwise_shape&, std::optional<activation>, const bf16*,
                                const float*, const float*, bf16*);
template void depthwise_data_gradient(const depthwise_shape&, const float*, const float*, float*);
template void depthwise_data_gradient(const depthwise_shape&, const bf16*, const float*, bf16*);

}  // namespace lathe::kernels
#endif
