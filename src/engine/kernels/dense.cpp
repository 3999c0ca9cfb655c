// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/dense.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/dense.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/registers-inl.hpp"

#ifndef LATHE_KERNELS_DENSE_ONCE
#define LATHE_KERNELS_DENSE_ONCE

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/kernels/ceil_div.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/kernels/parallel.hpp"
#include "lathe/core/error.hpp"

namespace lathe::kernels {
namespace {

// Weights are packed by this many outputs: [block][source value][block of outputs].
constexpr std::int64_t block = 16;
constexpr std::int64_t most_runs = dense_highest_kernel;
constexpr std::int64_t whole_tiles = 48;  // pixels: a multiple of every full tile
constexpr std::int64_t few_pixels = 8;    // for one thread

// Neighbouring pixels of the result. Each sums products over `runs` runs of `length` values, one
// run for each row of the kernel.
struct pixel_row {
    std::int64_t runs;
    std::int64_t length;
    const float* source[most_runs];  // of the first pixel
    const float* weight[most_runs];  // of the first block
    std::int64_t source_step;  // floats from value to value of a run; 1 in the packed form
    std::int64_t weight_step;  // `block` in the packed form
    std::int64_t pixel_step;   // source floats from pixel to pixel
    std::int64_t block_step;   // weights from block to block
    std::int64_t pixels;
    std::int64_t outputs;      // of a pixel: floats from pixel to pixel of the result
    std::int64_t first, last;  // outputs that are wanted; `first` begins a block
    const float* bias;         // for whole blocks, or null
    const float* residual;     // or null
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
constexpr int most_blocks = 3;
template <int Blocks>
constexpr int tile_pixels = Blocks == 1 ? 16 : Blocks == 2 ? 12 : 8;
#else
constexpr int most_blocks = 1;
template <int Blocks>
constexpr int tile_pixels = HWY_TARGET == HWY_AVX2 ? 6 : 2;
#endif

// Steps that the compiler knows leave registers for pointers.
template <class Activation>
struct packed_form {
    using activation = Activation;
    static constexpr std::int64_t source_step(const pixel_row&) { return 1; }
    static constexpr std::int64_t weight_step(const pixel_row&) { return block; }
};

struct strided_form {
    using activation = identity_activation;
    static std::int64_t source_step(const pixel_row& row) { return row.source_step; }
    static std::int64_t weight_step(const pixel_row& row) { return row.weight_step; }
};

// `Pixels` pixels from `pixel` on, `Blocks` blocks of outputs from `first` on: all sums stay in
// registers. Three pixels share one pointer, as an address has a base and one scaled step.
template <class Form, int Blocks, int Pixels>
HWY_NOINLINE void sum_tile(const pixel_row& row, std::int64_t pixel, std::int64_t first) {
    constexpr hn::CappedTag<float, block> d;
    using vector = hn::Vec<decltype(d)>;
    constexpr auto lanes = static_cast<int>(hn::MaxLanes(d));
    constexpr int vectors = Blocks * (block / lanes);
    constexpr int groups = (Pixels + 2) / 3;
    const std::int64_t output = first * block;

    vector sums[Pixels][vectors];
#pragma GCC unroll 48
    for (int v = 0; v < vectors; ++v) {
        const auto bias =
            row.bias != nullptr ? hn::LoadU(d, row.bias + output + v * lanes) : hn::Zero(d);
#pragma GCC unroll 16
        for (int p = 0; p < Pixels; ++p) sums[p][v] = bias;
    }
    const std::int64_t pixel_step = row.pixel_step;
    const std::int64_t block_step = row.block_step;
    const std::int64_t source_step = Form::source_step(row);
    const std::int64_t weight_step = Form::weight_step(row);
    for (std::int64_t r = 0; r < row.runs; ++r) {
        const float* source[groups];
#pragma GCC unroll 6
        for (int g = 0; g < groups; ++g) source[g] = row.source[r] + (pixel + 3 * g) * pixel_step;
        const float* weight = row.weight[r] + first * block_step;
        const float* const end = weight + row.length * weight_step;
        while (weight != end) {
            vector factor[vectors];
#pragma GCC unroll 48
            for (int v = 0; v < vectors; ++v) {
                const int at = v * lanes;
                factor[v] = hn::LoadU(d, weight + at / block * block_step + at % block);
                keep_loaded(factor[v]);
            }
#pragma GCC unroll 16
            for (int p = 0; p < Pixels; ++p) {
                const auto value = hn::Set(d, source[p / 3][p % 3 * pixel_step]);
#pragma GCC unroll 48
                for (int v = 0; v < vectors; ++v) {
                    sums[p][v] = hn::MulAdd(value, factor[v], sums[p][v]);
                }
            }
#pragma GCC unroll 6
            for (int g = 0; g < groups; ++g) {
                source[g] += source_step;
                hide(source[g]);
            }
            weight += weight_step;
            hide(weight);
        }
    }
    if (row.residual != nullptr) {
        const float* from = row.residual + pixel * row.outputs + output;
#pragma GCC unroll 16
        for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 48
            for (int v = 0; v < vectors; ++v) {
                sums[p][v] = hn::Add(sums[p][v], hn::LoadU(d, from + v * lanes));
            }
            from += row.outputs;
            hide(from);
        }
    }
    float* to = row.result + pixel * row.outputs + output;
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 48
        for (int v = 0; v < vectors; ++v) {
            hn::StoreU(Form::activation::apply(d, sums[p][v]), d, to + v * lanes);
        }
        to += row.outputs;
        hide(to);
    }
}

// Tiles of `Pixels` while there are as many, then smaller ones.
template <class Form, int Blocks, int Pixels = tile_pixels<Blocks>>
HWY_INLINE void sum_pixels(const pixel_row& row, std::int64_t first, std::int64_t pixel = 0) {
    for (; pixel + Pixels <= row.pixels; pixel += Pixels) {
        sum_tile<Form, Blocks, Pixels>(row, pixel, first);
    }
    constexpr int next = Pixels > 8 ? 8 : Pixels > 4 ? 4 : Pixels / 2;
    if constexpr (next > 0) sum_pixels<Form, Blocks, next>(row, first, pixel);
}

// The outputs behind the last whole block, by way of a block on the stack.
template <class Form>
void sum_rest(const pixel_row& row) {
    constexpr std::int64_t most = tile_pixels<1>;
    const std::int64_t whole = row.last / block;
    const std::int64_t rest = row.last % block;
    float residual[most * block] = {};
    float result[most * block] = {};
    pixel_row part = row;
    part.outputs = block;
    part.first = 0;
    part.last = block;
    if (row.bias != nullptr) part.bias += whole * block;
    part.result = result;
    if (row.residual != nullptr) part.residual = residual;
    for (std::int64_t r = 0; r < row.runs; ++r) part.weight[r] += whole * row.block_step;
    for (std::int64_t begin = 0; begin < row.pixels; begin += most) {
        part.pixels = std::min(most, row.pixels - begin);
        const std::int64_t at = begin * row.outputs + whole * block;
        if (row.residual != nullptr) {
            for (std::int64_t p = 0; p < part.pixels; ++p) {
                std::copy_n(row.residual + at + p * row.outputs, rest, residual + p * block);
            }
        }
        sum_pixels<Form, 1>(part, 0);
        for (std::int64_t p = 0; p < part.pixels; ++p) {
            std::copy_n(result + p * block, rest, row.result + at + p * row.outputs);
        }
        for (std::int64_t r = 0; r < row.runs; ++r) part.source[r] += most * row.pixel_step;
    }
}

template <class Form>
void sum_outputs(const pixel_row& row) {
    const std::int64_t whole = row.last / block;
    std::int64_t first = row.first / block;
    while (first < whole) {
        const std::int64_t left = whole - first;
        if constexpr (most_blocks == 3) {
            if (left == 3 || left > 4) {  // four are two and two
                sum_pixels<Form, 3>(row, first);
                first += 3;
                continue;
            }
            if (left >= 2) {
                sum_pixels<Form, 2>(row, first);
                first += 2;
                continue;
            }
        }
        sum_pixels<Form, 1>(row, first);
        ++first;
    }
    if (row.last % block != 0) sum_rest<Form>(row);
}

// Activations that take no exponential, or none.
void multiply(const pixel_row& row, std::optional<activation> act) {
    if (act == activation::relu) return sum_outputs<packed_form<relu_activation>>(row);
    if (act == activation::relu6) return sum_outputs<packed_form<relu6_activation>>(row);
    if (act == activation::hard_swish) return sum_outputs<packed_form<hard_swish_activation>>(row);
    sum_outputs<packed_form<identity_activation>>(row);
}

void multiply_strided(const pixel_row& row) { sum_outputs<strided_form>(row); }

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(multiply);
HWY_EXPORT(multiply_strided);

// What one call computes.
struct dense_problem {
    dense_shape shape;
    std::optional<activation> act;
    const float* src;
    const float* packed;
    const float* residual;  // or null
    float* dst;
};

std::int64_t depth_of(const dense_shape& s) { return s.in_channels * s.kernel_h * s.kernel_w; }
std::int64_t blocks_of(const dense_shape& s) { return ceil_div(s.out_channels, block); }

std::int64_t pitch_of(const dense_shape& s) {
    return s.result_pitch > 0 ? s.result_pitch : s.out_channels;
}

/// Pixels of the result lie side by side in the source too.
bool is_pointwise(const dense_shape& s) {
    return s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1 &&
           s.padding_h == 0 && s.padding_w == 0;
}

/// Floats of a ring of padded source rows; 0: rows are read where they are.
std::int64_t ring_floats(const dense_shape& s) {
    if (s.padding_w == 0) return 0;
    return s.kernel_h * (s.in_w + 2 * s.padding_w) * s.in_channels;
}

pixel_row row_at(const dense_problem& p, std::int64_t pixel, std::int64_t pixels) {
    const dense_shape& s = p.shape;
    pixel_row row{};
    row.length = s.in_channels * s.kernel_w;
    row.pixel_step = s.stride_w * s.in_channels;
    row.block_step = depth_of(s) * block;
    row.pixels = pixels;
    row.outputs = pitch_of(s);
    row.last = s.out_channels;
    row.bias = p.packed + blocks_of(s) * row.block_step;
    row.residual = p.residual == nullptr ? nullptr : p.residual + pixel * row.outputs;
    row.result = p.dst + pixel * row.outputs;
    return row;
}

struct range {
    std::int64_t first, last;
};

// As many pixels at once as have their source in the first-level cache.
void multiply_pixels(const dense_problem& p, range pixels, range outputs) {
    constexpr std::int64_t source_floats = 4096;
    const std::int64_t depth = depth_of(p.shape);
    const std::int64_t tiles = std::max<std::int64_t>(1, source_floats / (depth * whole_tiles));
    const std::int64_t most = tiles * whole_tiles;
    for (std::int64_t pixel = pixels.first; pixel < pixels.last; pixel += most) {
        pixel_row row = row_at(p, pixel, std::min(most, pixels.last - pixel));
        row.first = outputs.first;
        row.last = outputs.last;
        row.runs = 1;
        row.source[0] = p.src + pixel * depth;
        row.weight[0] = p.packed;
        HWY_DYNAMIC_DISPATCH(multiply)(row, p.act);
    }
}

// Source rows with the padding's zeros at both ends, as many neighbouring ones as the kernel is
// high.
class padded_rows {
public:
    padded_rows(const dense_problem& p, float* ring)
        : shape_(p.shape), src_(p.src), ring_(ring), padded_(ring_floats(p.shape) > 0) {
        std::fill_n(held_, most_runs, -1);
        if (padded_) std::fill_n(ring, ring_floats(shape_), 0.0F);
    }

    /// Row y of all images' rows.
    const float* operator[](std::int64_t y) {
        const std::int64_t floats = shape_.in_w * shape_.in_channels;
        const float* own = src_ + y * floats;
        if (!padded_) return own;
        const std::int64_t slot = y % shape_.kernel_h;
        const std::int64_t border = shape_.padding_w * shape_.in_channels;
        float* row = ring_ + slot * (floats + 2 * border);
        if (held_[slot] != y) {
            std::copy_n(own, floats, row + border);
            held_[slot] = y;
        }
        return row;
    }

private:
    dense_shape shape_;
    const float* src_;
    float* ring_;
    bool padded_;
    std::int64_t held_[most_runs];
};

// Rows of all images' rows.
void multiply_rows(const dense_problem& p, range rows, float* ring) {
    const dense_shape& s = p.shape;
    padded_rows source(p, ring);
    for (std::int64_t y = rows.first; y < rows.last; ++y) {
        const std::int64_t image = y / s.out_h;
        pixel_row row = row_at(p, y * s.out_w, s.out_w);
        for (std::int64_t k = 0; k < s.kernel_h; ++k) {
            const std::int64_t in_y = y % s.out_h * s.stride_h + k - s.padding_h;
            if (in_y < 0 || in_y >= s.in_h) continue;
            row.source[row.runs] = source[image * s.in_h + in_y];
            row.weight[row.runs] = p.packed + k * row.length * block;
            ++row.runs;
        }
        HWY_DYNAMIC_DISPATCH(multiply)(row, p.act);
    }
}

// body(part, range): whole units for each thread.
template <class Body>
void for_parts(std::int64_t count, std::int64_t unit, std::int64_t macs, const Body& body) {
    constexpr std::int64_t macs_worth_a_region = 100'000;
    const std::int64_t threads = macs < macs_worth_a_region ? 1 : omp_get_max_threads();
    const std::int64_t units = ceil_div(count, unit);
    const std::int64_t parts = std::min(units, threads);
    parallel_for(parts, [&](std::int64_t part) {
        body(part, range{part * units / parts * unit,
                         std::min(count, (part + 1) * units / parts * unit)});
    });
}

}  // namespace

bool has_dense(const dense_shape& shape) { return shape.kernel_h <= most_runs; }

std::int64_t dense_weight_floats(const dense_shape& shape) {
    return blocks_of(shape) * block * (depth_of(shape) + 1);
}

void pack_dense_weights(const dense_shape& s, const float* weight, const float* bias,
                        float* packed) {
    std::fill_n(packed, dense_weight_floats(s), 0.0F);
    const std::int64_t depth = depth_of(s);
    const std::int64_t taps = s.kernel_h * s.kernel_w;
    for (std::int64_t o = 0; o < s.out_channels; ++o) {
        float* to = packed + o / block * depth * block + o % block;
        for (std::int64_t c = 0; c < s.in_channels; ++c) {
            for (std::int64_t t = 0; t < taps; ++t) {
                to[(t * s.in_channels + c) * block] = weight[(o * s.in_channels + c) * taps + t];
            }
        }
    }
    if (bias != nullptr) std::copy_n(bias, s.out_channels, packed + blocks_of(s) * depth * block);
}

std::int64_t dense_scratch_floats(const dense_shape& shape, int threads) {
    return threads * ring_floats(shape);
}

void dense_forward(const dense_shape& shape, std::optional<activation> act, const float* src,
                   const float* packed, const float* residual, float* scratch, float* dst) {
    if (!has_dense(shape)) {
        throw error(errc::internal, "dense_forward",
                    "kernel height " + std::to_string(shape.kernel_h), "ask has_dense first");
    }
    const bool exponential = act == activation::swish || act == activation::gelu;
    if (exponential && pitch_of(shape) != shape.out_channels) {
        throw error(errc::internal, "dense_forward", "room between the pixels of a swish or gelu",
                    "leave none");
    }
    const dense_problem p{shape, exponential ? std::nullopt : act, src, packed, residual, dst};
    const std::int64_t pixels = shape.batch * shape.out_h * shape.out_w;
    const std::int64_t macs = pixels * shape.out_channels * depth_of(shape);
    if (!is_pointwise(shape)) {
        for_parts(shape.batch * shape.out_h, 1, macs, [&](std::int64_t part, range rows) {
            multiply_rows(p, rows, scratch + part * ring_floats(shape));
        });
    } else if (pixels < few_pixels * omp_get_max_threads()) {
        for_parts(shape.out_channels, block, macs,
                  [&](std::int64_t, range outputs) { multiply_pixels(p, {0, pixels}, outputs); });
    } else {
        const bool many = pixels >= 8 * whole_tiles * omp_get_max_threads();
        for_parts(pixels, many ? whole_tiles : few_pixels, macs, [&](std::int64_t, range some) {
            multiply_pixels(p, some, {0, shape.out_channels});
        });
    }
    if (exponential) activation_forward(*act, pixels * shape.out_channels, dst, dst);
}

void dense_add_weight_gradient(std::int64_t rows, std::int64_t out, std::int64_t in,
                               const float* diff_dst, const float* src, float* sums) {
    if (in % block != 0) {
        throw error(errc::internal, "dense_add_weight_gradient",
                    std::to_string(in) + " input channels", "give a multiple of 16");
    }
    // Sums of one output are a pixel, and rows what they are summed over; as many rows at once as
    // have a block of their source in the first-level cache.
    constexpr std::int64_t most = 128;
    for (std::int64_t first = 0; first < rows; first += most) {
        pixel_row row{};
        row.runs = 1;
        row.length = std::min(most, rows - first);
        row.source[0] = diff_dst + first * out;
        row.weight[0] = src + first * in;
        row.source_step = out;
        row.weight_step = in;
        row.pixel_step = 1;
        row.block_step = block;
        row.pixels = out;
        row.outputs = row.last = in;
        row.residual = sums;
        row.result = sums;
        HWY_DYNAMIC_DISPATCH(multiply_strided)(row);
    }
}

}  // namespace lathe::kernels
#endif
