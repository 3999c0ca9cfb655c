// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/depthwise.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_DEPTHWISE_ONCE
#define LATHE_KERNELS_DEPTHWISE_ONCE

#include <hwy/cache_control.h>
#include <omp.h>

#include <algorithm>

#include "engine/kernels/ceil_div.hpp"
#include <type_traits>

namespace lathe::kernels {
namespace {

// Channels are handled in blocks of one cache line, whatever the vector length.
constexpr std::int64_t block_channels = 16;
// Blocks that are packed and handled together, so that memory is read in runs of several lines.
constexpr std::int64_t group_blocks = 4;
// The batch is cut into this many parts, whatever the thread count: that fixes the order of sums.
constexpr std::int64_t max_batch_parts = 16;
constexpr std::int64_t max_tile = 8;
// How far ahead of the packing memory is asked for.
constexpr std::int64_t pixels_ahead = 16;

// One image's channel block, and behind it that of its output gradient, widened to contiguous pixels
// of block_channels floats, with zeros where the padding is and where the last tile of a row reaches
// beyond it: no border cases are left.
struct packed_planes {
    std::int64_t tile;  // output pixels taken at once
    std::int64_t tiles_w;
    std::int64_t src_h;
    std::int64_t src_w;

    packed_planes(const depthwise_shape& s, std::int64_t tile_)
        : tile(tile_),
          tiles_w(ceil_div(s.out_w, tile_)),
          src_h((s.out_h - 1) * s.stride + s.kernel_h),
          src_w((tiles_w * tile_ - 1) * s.stride + s.kernel_w) {}

    std::int64_t src_floats() const { return src_h * src_w * block_channels; }
    std::int64_t diff_row() const { return tiles_w * tile * block_channels; }
    std::int64_t floats(const depthwise_shape& s) const { return src_floats() + s.out_h * diff_row(); }
};

// Images [first, last) and channel blocks [first_block, last_block).
struct weight_gradient_task {
    std::int64_t first;
    std::int64_t last;
    std::int64_t first_block;
    std::int64_t last_block;
};

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

using block_tag = hn::CappedTag<float, block_channels>;
using block_vector = hn::Vec<block_tag>;

// Vector registers decide how many taps and pixels are held at once.
#if HWY_TARGET <= HWY_AVX3
constexpr bool many_registers = true;
#else
constexpr bool many_registers = false;
#endif

// Pixels of `channels` neighbouring channels, to one plane for each block of them.
template <class T>
void pack_pixels(const T* HWY_RESTRICT from, std::int64_t from_stride, std::int64_t pixels,
                 std::int64_t channels, float* HWY_RESTRICT to, std::int64_t plane_floats) {
    const block_tag d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const std::int64_t whole = channels / block_channels;
    for (std::int64_t p = 0; p < pixels; ++p) {
        const T* const pixel = from + p * from_stride;
        float* place = to + p * block_channels;
        for (std::int64_t b = 0; b < whole; ++b, place += plane_floats) {
            hwy::Prefetch(pixel + pixels_ahead * from_stride + b * block_channels);
            for (std::int64_t c = 0; c < block_channels; c += lanes) {
                hn::Store(load(d, pixel + b * block_channels + c), d, place + c);
            }
        }
        for (std::int64_t c = whole * block_channels; c < channels; ++c) {
            place[c - whole * block_channels] = to_float(pixel[c]);
        }
    }
}

// Sums of Rows kernel rows of Width taps over one plane, added to sums[Rows][Width][block].
// Keeps all taps and Tile output gradients in registers: one load serves up to Width products.
template <int Rows, int Width, int Stride, int Tile>
HWY_NOINLINE void add_tap_rows(const packed_planes& planes, std::int64_t out_h,
                               const float* HWY_RESTRICT src, const float* HWY_RESTRICT diff,
                               float* HWY_RESTRICT sums) {
    const block_tag d;
    block_vector taps[Rows][Width];
#pragma GCC unroll 3
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 7
        for (int j = 0; j < Width; ++j) taps[r][j] = hn::Zero(d);
    }
    const std::int64_t src_row = planes.src_w * block_channels;
    for (std::int64_t y = 0; y < out_h; ++y) {
        const float* pixels[Rows];
#pragma GCC unroll 3
        for (int r = 0; r < Rows; ++r) pixels[r] = src + (y * Stride + r) * src_row;
        for (std::int64_t t = 0; t < planes.tiles_w; ++t) {
            block_vector gradient[Tile];
#pragma GCC unroll 8
            for (int x = 0; x < Tile; ++x) gradient[x] = hn::Load(d, diff + x * block_channels);
#pragma GCC unroll 3
            for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 21
                for (int u = 0; u < (Tile - 1) * Stride + Width; ++u) {
                    const auto value = hn::Load(d, pixels[r] + u * block_channels);
#pragma GCC unroll 7
                    for (int j = 0; j < Width; ++j) {
                        const int offset = u - j;
                        if (offset >= 0 && offset % Stride == 0 && offset / Stride < Tile) {
                            taps[r][j] = hn::MulAdd(value, gradient[offset / Stride], taps[r][j]);
                        }
                    }
                }
                pixels[r] += Tile * Stride * block_channels;
            }
            diff += Tile * block_channels;
        }
    }
#pragma GCC unroll 3
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 7
        for (int j = 0; j < Width; ++j) {
            float* sum = sums + (r * Width + j) * block_channels;
            hn::Store(hn::Add(hn::Load(d, sum), taps[r][j]), d, sum);
        }
    }
}

template <int Width, int Stride, int Tile>
void add_taps(const depthwise_shape& s, const packed_planes& planes, const float* src,
              const float* diff, float* sums) {
    constexpr int most_rows =
        many_registers ? (Width == 7 ? 2 : 3) : (Width == 3 ? 3 : Width == 5 ? 2 : 1);
    const std::int64_t passes = ceil_div(s.kernel_h, most_rows);
    std::int64_t row = 0;
    for (std::int64_t pass = 0; pass < passes; ++pass) {
        const std::int64_t rows = ceil_div(s.kernel_h - row, passes - pass);
        const float* from = src + row * planes.src_w * block_channels;
        float* to = sums + row * Width * block_channels;
        switch (rows) {
            case 1: add_tap_rows<1, Width, Stride, Tile>(planes, s.out_h, from, diff, to); break;
            case 2:
                if constexpr (most_rows >= 2) {
                    add_tap_rows<2, Width, Stride, Tile>(planes, s.out_h, from, diff, to);
                }
                break;
            default:
                if constexpr (most_rows >= 3) {
                    add_tap_rows<3, Width, Stride, Tile>(planes, s.out_h, from, diff, to);
                }
                break;
        }
        row += rows;
    }
}

// Any kernel and stride, one tap after the other.
void add_taps_generic(const depthwise_shape& s, const packed_planes& planes, const float* src,
                      const float* diff, float* sums) {
    const block_tag d;
    for (std::int64_t i = 0; i < s.kernel_h; ++i) {
        for (std::int64_t j = 0; j < s.kernel_w; ++j) {
            auto tap = hn::Zero(d);
            for (std::int64_t y = 0; y < s.out_h; ++y) {
                const float* pixel =
                    src + ((y * s.stride + i) * planes.src_w + j) * block_channels;
                const float* gradient = diff + y * s.out_w * block_channels;
                for (std::int64_t x = 0; x < s.out_w; ++x) {
                    tap = hn::MulAdd(hn::Load(d, pixel + x * s.stride * block_channels),
                                     hn::Load(d, gradient + x * block_channels), tap);
                }
            }
            float* sum = sums + (i * s.kernel_w + j) * block_channels;
            hn::Store(hn::Add(hn::Load(d, sum), tap), d, sum);
        }
    }
}

using add_taps_function = void (*)(const depthwise_shape&, const packed_planes&, const float*,
                                   const float*, float*);

template <int Width, int Stride>
add_taps_function function_for_tile(std::int64_t tile) {
    if constexpr (many_registers) {
        switch (tile) {
            case 6: return add_taps<Width, Stride, 6>;
            case 7: return add_taps<Width, Stride, 7>;
            case 8: return add_taps<Width, Stride, 8>;
            default: break;
        }
    }
    return add_taps<Width, Stride, 4>;
}

template <int Width>
add_taps_function function_for_stride(std::int64_t stride, std::int64_t tile) {
    return stride == 1 ? function_for_tile<Width, 1>(tile) : function_for_tile<Width, 2>(tile);
}

// The tile that wastes the fewest columns of zeros; among equals the largest.
std::int64_t best_tile(std::int64_t out_w) {
    if constexpr (!many_registers) return 4;
    std::int64_t best = 8;
    for (const std::int64_t tile : {7, 6, 4}) {
        if (ceil_div(out_w, tile) * tile < ceil_div(out_w, best) * best) best = tile;
    }
    return best;
}

add_taps_function function_for(const depthwise_shape& s, std::int64_t tile) {
    return s.kernel_w == 3   ? function_for_stride<3>(s.stride, tile)
           : s.kernel_w == 5 ? function_for_stride<5>(s.stride, tile)
                             : function_for_stride<7>(s.stride, tile);
}

// Packs `channels` channels of image n, from channel c on.
template <class T>
void pack_group(const depthwise_shape& s, const packed_planes& planes, std::int64_t n,
                std::int64_t c, std::int64_t channels, const T* src, const T* diff_dst,
                float* HWY_RESTRICT buffer) {
    const std::int64_t used_h = std::min(s.in_h, planes.src_h - s.pad);
    const std::int64_t used_w = std::min(s.in_w, planes.src_w - s.pad);
    for (std::int64_t y = 0; y < used_h; ++y) {
        pack_pixels(src + (n * s.in_h + y) * s.in_w * s.channels + c, s.channels, used_w, channels,
                    buffer + ((y + s.pad) * planes.src_w + s.pad) * block_channels,
                    planes.floats(s));
    }
    for (std::int64_t y = 0; y < s.out_h; ++y) {
        pack_pixels(diff_dst + (n * s.out_h + y) * s.out_w * s.channels + c, s.channels, s.out_w,
                    channels, buffer + planes.src_floats() + y * planes.diff_row(),
                    planes.floats(s));
    }
}

// Adds the task's part of the gradient to sums[blocks of the task][taps][block_channels].
template <class T>
void run_task(const depthwise_shape& s, const weight_gradient_task& task, const T* src,
              const T* diff_dst, float* HWY_RESTRICT buffer, float* HWY_RESTRICT sums) {
    const bool fast = (s.kernel_w == 3 || s.kernel_w == 5 || s.kernel_w == 7) && s.stride <= 2;
    const packed_planes planes(s, fast ? best_tile(s.out_w) : 1);
    const add_taps_function add = fast ? function_for(s, planes.tile) : add_taps_generic;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(block_tag()));
    const std::int64_t block_sums = s.kernel_h * s.kernel_w * block_channels;
    std::fill_n(buffer, std::min(group_blocks, task.last_block - task.first_block) * planes.floats(s),
                0.0F);
    for (std::int64_t n = task.first; n < task.last; ++n) {
        for (std::int64_t first = task.first_block; first < task.last_block; first += group_blocks) {
            const std::int64_t count = std::min(group_blocks, task.last_block - first);
            const std::int64_t c = first * block_channels;
            pack_group(s, planes, n, c, std::min(count * block_channels, s.channels - c), src,
                       diff_dst, buffer);
            for (std::int64_t b = 0; b < count; ++b) {
                const float* const src_plane = buffer + b * planes.floats(s);
                const float* const diff_plane = src_plane + planes.src_floats();
                float* const to = sums + (first + b - task.first_block) * block_sums;
                for (std::int64_t lane = 0; lane < block_channels; lane += lanes) {
                    add(s, planes, src_plane + lane, diff_plane + lane, to + lane);
                }
            }
        }
    }
}

void run_task_float(const depthwise_shape& s, const weight_gradient_task& task, const float* src,
                    const float* diff_dst, float* buffer, float* sums) {
    run_task(s, task, src, diff_dst, buffer, sums);
}

void run_task_bf16(const depthwise_shape& s, const weight_gradient_task& task, const bf16* src,
                   const bf16* diff_dst, float* buffer, float* sums) {
    run_task(s, task, src, diff_dst, buffer, sums);
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(run_task_float);
HWY_EXPORT(run_task_bf16);

float* aligned(float* p) {
    constexpr std::uintptr_t line = 64;
    return reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(p) + line - 1) / line * line);
}

std::int64_t batch_parts(const depthwise_shape& s) { return std::min(s.batch, max_batch_parts); }

std::int64_t channel_blocks(const depthwise_shape& s) {
    return ceil_div(s.channels, block_channels);
}

template <class T>
void run(const depthwise_shape& shape, const weight_gradient_task& task, const T* src,
         const T* diff_dst, float* buffer, float* sums) {
    if constexpr (std::is_same_v<T, bf16>) {
        HWY_DYNAMIC_DISPATCH(run_task_bf16)(shape, task, src, diff_dst, buffer, sums);
    } else {
        HWY_DYNAMIC_DISPATCH(run_task_float)(shape, task, src, diff_dst, buffer, sums);
    }
}

// The total of one block of channels.
void total_of_block(const depthwise_shape& shape, std::int64_t parts, const float* sums,
                    std::int64_t block, float* diff_weight) {
    const std::int64_t taps = shape.kernel_h * shape.kernel_w;
    const std::int64_t c = block * block_channels;
    const std::int64_t channels = std::min(block_channels, shape.channels - c);
    for (std::int64_t tap = 0; tap < taps; ++tap) {
        float total[block_channels] = {};
        for (std::int64_t part = 0; part < parts; ++part) {
            const float* sum =
                sums + part * depthwise_sum_floats(shape) + (block * taps + tap) * block_channels;
            for (std::int64_t i = 0; i < block_channels; ++i) total[i] += sum[i];
        }
        std::copy_n(total, channels, diff_weight + tap * shape.channels + c);
    }
}

}  // namespace

std::int64_t depthwise_sum_floats(const depthwise_shape& s) {
    return channel_blocks(s) * s.kernel_h * s.kernel_w * block_channels;
}

// An upper bound over all tiles of the planes of one group.
std::int64_t depthwise_buffer_floats(const depthwise_shape& s) {
    const std::int64_t out_w = s.out_w + max_tile - 1;
    const std::int64_t src_h = (s.out_h - 1) * s.stride + s.kernel_h;
    const std::int64_t src_w = (out_w - 1) * s.stride + s.kernel_w;
    return std::min(group_blocks, channel_blocks(s)) * (src_h * src_w + s.out_h * out_w) *
           block_channels;
}

std::int64_t depthwise_weight_gradient_scratch(const depthwise_shape& shape, int threads) {
    return batch_parts(shape) * depthwise_sum_floats(shape) +
           threads * depthwise_buffer_floats(shape) + block_channels;
}

template <class T>
void depthwise_add_weight_gradient(const depthwise_shape& shape, const T* src, const T* diff_dst,
                                   float* sums, float* buffer) {
    run(shape, {0, shape.batch, 0, channel_blocks(shape)}, src, diff_dst, buffer, sums);
}

void depthwise_total(const depthwise_shape& shape, std::int64_t parts, const float* sums,
                     float* diff_weight) {
    for (std::int64_t b = 0; b < channel_blocks(shape); ++b) {
        total_of_block(shape, parts, sums, b, diff_weight);
    }
}

template <class T>
void depthwise_weight_gradient(const depthwise_shape& shape, const T* src, const T* diff_dst,
                               float* diff_weight, float* scratch) {
    const std::int64_t parts = batch_parts(shape);
    const std::int64_t blocks = channel_blocks(shape);
    const std::int64_t groups = ceil_div(blocks, group_blocks);
    const std::int64_t taps = shape.kernel_h * shape.kernel_w;
    float* const sums = aligned(scratch);
    float* const buffers = sums + parts * depthwise_sum_floats(shape);
#pragma omp parallel
    {
        float* const buffer = buffers + omp_get_thread_num() * depthwise_buffer_floats(shape);
#pragma omp for schedule(static)
        for (std::int64_t t = 0; t < parts * groups; ++t) {
            const std::int64_t part = t / groups;
            const std::int64_t first_block = t % groups * group_blocks;
            const weight_gradient_task task{part * shape.batch / parts,
                                            (part + 1) * shape.batch / parts, first_block,
                                            std::min(blocks, first_block + group_blocks)};
            float* const task_sums = sums + (part * blocks + first_block) * taps * block_channels;
            std::fill_n(task_sums, (task.last_block - first_block) * taps * block_channels, 0.0F);
            run(shape, task, src, diff_dst, buffer, task_sums);
        }
#pragma omp for schedule(static)
        for (std::int64_t b = 0; b < blocks; ++b) {
            total_of_block(shape, parts, sums, b, diff_weight);
        }
    }
}

template void depthwise_add_weight_gradient(const depthwise_shape&, const float*, const float*,
                                            float*, float*);
template void depthwise_add_weight_gradient(const depthwise_shape&, const bf16*, const bf16*,
                                            float*, float*);
template void depthwise_weight_gradient(const depthwise_shape&, const float*, const float*, float*,
                                        float*);
template void depthwise_weight_gradient(const depthwise_shape&, const bf16*, const bf16*, float*,
                                        float*);

}  // namespace lathe::kernels
#endif
