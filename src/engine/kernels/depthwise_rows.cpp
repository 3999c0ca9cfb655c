// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/depthwise_rows.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/depthwise_rows.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
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

// Channels are taken in blocks of one vector of the longest kind, whatever the vector length, and
// blocks in pairs: two vectors are rounded to bf16 at less cost than twice one.
constexpr std::int64_t block_channels = 16;
constexpr std::int64_t pair_channels = 2 * block_channels;
// Sums of a row may reach this many pixels beyond its end.
constexpr std::int64_t most_tile = 16;

// One row of results as a sum of correlations of source rows: result t takes the columns
// first + t * stride ... of each row, `taps` of them; columns outside [0, columns) are zero. Pixels
// of sources and weights are blocks, pixels of results pairs of blocks.
struct row_sum {
    std::int64_t rows;
    const float* source[most_rows];
    const float* weight[most_rows];  // first tap of the row
    std::int64_t source_step;        // floats from block to block
    std::int64_t weight_step;
    std::int64_t blocks;  // one or two
    std::int64_t taps;
    std::int64_t stride;   // source columns from result to result
    std::int64_t first;    // source column of the first result's first tap
    std::int64_t columns;  // of the source
    std::int64_t results;
    const float* bias;
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

// Some neighbouring blocks of channels and columns of results are computed at once, so many that the
// copies of their sources and weights stay in the cache.
struct extent {
    std::int64_t blocks;
    std::int64_t columns;
};

constexpr std::int64_t buffer_floats = 16 * 1024;

std::int64_t source_columns(const depthwise_shape& s, const correlation& c, std::int64_t results) {
    return std::min(c.source_w, ceil_div(results, c.phases) * c.stride + s.kernel_w);
}

std::int64_t sums_of_phase(const correlation& c, std::int64_t results) {
    return (ceil_div(results, c.phases) + most_tile - 1) * pair_channels;
}

extent extent_of(const depthwise_shape& s, const correlation& c) {
    extent e{ceil_div(s.channels, block_channels), c.result_w};
    const auto block_floats = [&] {
        const std::int64_t pixels = s.kernel_h * s.kernel_w + 1 +
                                    rows_at_once(s, c) * source_columns(s, c, e.columns);
        return pixels * block_channels;
    };
    const auto left = [&] { return buffer_floats - c.phases * sums_of_phase(c, e.columns); };
    while (2 * block_floats() > left()) e.columns = ceil_div(e.columns, 2 * c.phases) * c.phases;
    const std::int64_t pairs = ceil_div(e.blocks, 2);
    const std::int64_t most_pairs = left() / (2 * block_floats());
    e.blocks = std::min(e.blocks, 2 * ceil_div(pairs, ceil_div(pairs, most_pairs)));
    return e;
}

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

using block_tag = hn::CappedTag<float, block_channels>;
constexpr auto block_lanes = static_cast<std::int64_t>(hn::MaxLanes(block_tag()));

// Vector registers decide how many results are summed at once.
#if HWY_TARGET <= HWY_AVX3
constexpr int largest_tile = 16;
#else
constexpr int largest_tile = 8;
#endif

// Keeps the compiler from computing ahead of a loop, into too few registers, what follows from x.
template <class X>
HWY_INLINE void hide(X& x) {
    asm("" : "+r"(x));
}

// Keeps the compiler from loading a vector again at each of its uses.
HWY_INLINE void keep_loaded([[maybe_unused]] hn::Vec<block_tag>& value) {
#if HWY_ARCH_X86
    asm("" : "+v"(value.raw));
#endif
}

// Results begin ... begin + Tile of some lanes of a block: all sums stay in registers.
template <int Taps, int Stride, int Tile>
HWY_INLINE void sum_tile(const row_sum& s, std::int64_t block, std::int64_t lane,
                         std::int64_t begin) {
    const block_tag d;
    hn::Vec<block_tag> sums[Tile];
    const auto start = hn::Load(d, s.bias + block * block_channels + lane);
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
        const float* const taps = s.weight[r] + block * s.weight_step + lane;
        hn::Vec<block_tag> weight[Taps];
#pragma GCC unroll 7
        for (int j = 0; j < Taps; ++j) weight[j] = hn::Load(d, taps + j * block_channels);
        const float* source =
            s.source[r] + block * s.source_step + column * block_channels + lane;
        hide(source);
        hide(present);
#pragma GCC unroll 37
        for (int u = 0; u < span; ++u) {
            if ((present >> u & 1) != 0) {
                auto value = hn::Load(d, source + u * block_channels);
                keep_loaded(value);
                #pragma GCC unroll 7
                for (int j = 0; j < Taps; ++j) {
                    const int offset = u - j;
                    if (offset >= 0 && offset % Stride == 0 && offset / Stride < Tile) {
                        sums[offset / Stride] = hn::MulAdd(value, weight[j], sums[offset / Stride]);
                    }
                }
            }
        }
    }
    float* const to = s.result + begin * pair_channels + block * block_channels + lane;
#pragma GCC unroll 16
    for (int t = 0; t < Tile; ++t) hn::Store(sums[t], d, to + t * pair_channels);
}

template <int Taps, int Stride>
void sum_row(const row_sum& s) {
    for (std::int64_t block = 0; block < s.blocks; ++block) {
        for (std::int64_t lane = 0; lane < block_channels; lane += block_lanes) {
            std::int64_t t = 0;
            for (; s.results - t > largest_tile / 2; t += largest_tile) {
                sum_tile<Taps, Stride, largest_tile>(s, block, lane, t);
            }
            if (s.results - t > largest_tile / 4) {
                sum_tile<Taps, Stride, largest_tile / 2>(s, block, lane, t);
            } else if (s.results > t) {
                sum_tile<Taps, Stride, largest_tile / 4>(s, block, lane, t);
            }
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

// One block's pixels from a tensor, zeros in the lanes that it does not have.
template <class T>
HWY_NOINLINE void load_block(const T* HWY_RESTRICT from, std::int64_t from_step, std::int64_t pixels,
                std::int64_t channels, float* HWY_RESTRICT to) {
    const block_tag d;
    if (channels < block_channels) {
        std::fill_n(to, pixels * block_channels, 0.0F);
        for (std::int64_t p = 0; p < pixels; ++p) {
            for (std::int64_t c = 0; c < channels; ++c) {
                to[p * block_channels + c] = to_float(from[p * from_step + c]);
            }
        }
        return;
    }
    for (std::int64_t p = 0; p < pixels; ++p) {
        for (std::int64_t c = 0; c < block_channels; c += block_lanes) {
            hn::Store(load(d, from + p * from_step + c), d, to + p * block_channels + c);
        }
    }
}

// Activated sums of one or two blocks to pixels of a tensor.
template <class Activation, class T>
HWY_INLINE void finish_pixels(const float* HWY_RESTRICT sums, std::int64_t pixels,
                              std::int64_t channels, T* HWY_RESTRICT to, std::int64_t to_step) {
    const block_tag d;
    const auto activated = [&](const float* at) { return Activation::apply(d, hn::Load(d, at)); };
    for (std::int64_t p = 0; p < pixels; ++p) {
        std::int64_t c = 0;
        for (; c + 2 * block_lanes <= channels; c += 2 * block_lanes) {
            store_pair(d, activated(sums + c), activated(sums + c + block_lanes), to + c);
        }
        for (; c + block_lanes <= channels; c += block_lanes) {
            store(d, activated(sums + c), to + c);
        }
        if (c < channels) {
            const hn::CappedTag<float, 1> one;
            for (; c < channels; ++c) {
                store(one, Activation::apply(one, hn::LoadU(one, sums + c)), to + c);
            }
        }
        sums += pair_channels;
        to += to_step;
    }
}

// Computes rows of results, one after the other, from copies of the source rows in a ring and of the
// weights: widened, and in blocks whose pixels follow each other, which takes the fewest
// instructions and no two lines of the same place in the cache.
template <class T>
class row_worker {
public:
    row_worker(const rows_problem<T>& problem, float* buffer)
        : p_(problem),
          s_(problem.shape),
          c_(correlation_of(s_, p_.way)),
          extent_(extent_of(s_, c_)),
          weights_(buffer),
          bias_(weights_ + extent_.blocks * taps() * block_channels),
          sums_(bias_ + extent_.blocks * block_channels),
          ring_(sums_ + c_.phases * sums_of_phase(c_, extent_.columns)) {}

    // Result rows [first, last) of all images' rows.
    void compute(std::int64_t first, std::int64_t last) {
        const std::int64_t blocks = ceil_div(s_.channels, block_channels);
        for (first_block_ = 0; first_block_ < blocks; first_block_ += extent_.blocks) {
            blocks_ = std::min(extent_.blocks, blocks - first_block_);
            copy_weights();
            for (std::int64_t row = first; row < last;) {
                const std::int64_t image = row / c_.result_h;
                const std::int64_t y = row % c_.result_h;
                const std::int64_t rows = std::min(last - row, c_.result_h - y);
                for (std::int64_t x = 0; x < c_.result_w; x += extent_.columns) {
                    compute_columns(image, y, y + rows, x);
                }
                row += rows;
            }
        }
    }

private:
    std::int64_t taps() const { return s_.kernel_h * s_.kernel_w; }

    // The last block ends with the last channel, though it repeats some of the one before.
    std::int64_t channel(std::int64_t block) const {
        const std::int64_t whole = (first_block_ + block) * block_channels;
        return std::min(whole, std::max<std::int64_t>(s_.channels - block_channels, 0));
    }
    std::int64_t block_width() const { return std::min(s_.channels, block_channels); }

    // By block, phase and row, in the order in which the taps meet source columns.
    void copy_weights() {
        float* to = weights_;
        for (std::int64_t block = 0; block < blocks_; ++block) {
            for (std::int64_t phase = 0; phase < c_.phases; ++phase) {
                const phase_taps taps = taps_of(s_, p_.way, phase);
                for (std::int64_t i = 0; i < s_.kernel_h; ++i) {
                    const std::int64_t tap = i * s_.kernel_w + taps.first;
                    load_block(p_.weight + tap * s_.channels + channel(block),
                               c_.tap_step * s_.channels, taps.count, block_width(), to);
                    to += taps.count * block_channels;
                }
            }
            float* const bias = bias_ + block * block_channels;
            std::fill_n(bias, block_channels, 0.0F);
            if (p_.bias != nullptr) std::copy_n(p_.bias + channel(block), block_width(), bias);
        }
    }

    // Result rows [first, last) of an image, the columns from `column` on, a multiple of the phases.
    void compute_columns(std::int64_t image, std::int64_t first, std::int64_t last,
                         std::int64_t column) {
        const std::int64_t columns = std::min(extent_.columns, c_.result_w - column);
        set_source(image, column, columns);
        for (std::int64_t y = first; y < last; ++y) {
            const row_pairs pairs = pairs_of(s_, p_.way, y);
            row_sum row;
            row.rows = pairs.count;
            row.source_step = rows_at_once(s_, c_) * (source_end_ - source_begin_) * block_channels;
            row.weight_step = taps() * block_channels;
            row.stride = c_.stride;
            row.columns = source_end_ - source_begin_;
            for (std::int64_t r = 0; r < pairs.count; ++r) {
                row.source[r] = source_row(pairs.source[r]);
            }
            T* const to =
                p_.result + ((image * c_.result_h + y) * c_.result_w + column) * s_.channels;
            for (std::int64_t block = 0; block < blocks_; block += 2) {
                row.blocks = std::min<std::int64_t>(2, blocks_ - block);
                row.bias = bias_ + block * block_channels;
                const float* weight = weights_ + block * row.weight_step;
                for (std::int64_t phase = 0; phase < c_.phases; ++phase) {
                    const phase_taps taps = taps_of(s_, p_.way, phase);
                    row.taps = taps.count;
                    row.first =
                        taps.first_column + column / c_.phases * c_.stride - source_begin_;
                    row.results = ceil_div(columns - phase, c_.phases);
                    row.result = sums_ + phase * sums_of_phase(c_, extent_.columns);
                    for (std::int64_t r = 0; r < pairs.count; ++r) {
                        row.weight[r] = weight + pairs.kernel[r] * taps.count * block_channels;
                    }
                    weight += s_.kernel_h * taps.count * block_channels;
                    sum_all(row);
                    finish(row, block, to + phase * s_.channels);
                }
                for (std::int64_t r = 0; r < pairs.count; ++r) row.source[r] += 2 * row.source_step;
            }
        }
    }

    // Chooses the source columns under some results and empties the ring.
    void set_source(std::int64_t image, std::int64_t column, std::int64_t columns) {
        source_begin_ = c_.source_w;
        source_end_ = 0;
        for (std::int64_t phase = 0; phase < c_.phases; ++phase) {
            const phase_taps taps = taps_of(s_, p_.way, phase);
            const std::int64_t results = ceil_div(columns - phase, c_.phases);
            const std::int64_t begin = taps.first_column + column / c_.phases * c_.stride;
            source_begin_ = std::min(source_begin_, begin);
            source_end_ = std::max(source_end_, begin + (results - 1) * c_.stride + taps.count);
        }
        source_begin_ = std::clamp<std::int64_t>(source_begin_, 0, c_.source_w);
        source_end_ = std::clamp<std::int64_t>(source_end_, source_begin_, c_.source_w);
        source_ = p_.source + (image * c_.source_h * c_.source_w + source_begin_) * s_.channels;
        std::fill_n(held_, rows_at_once(s_, c_), -1);
    }

    // The copy of a source row; as many neighbouring ones as the ring has are valid at once.
    const float* source_row(std::int64_t y) {
        const std::int64_t columns = source_end_ - source_begin_;
        const std::int64_t slots = rows_at_once(s_, c_);
        float* const row = ring_ + y % slots * columns * block_channels;
        if (held_[y % slots] != y) {
            const T* const from = source_ + y * c_.source_w * s_.channels;
            for (std::int64_t block = 0; block < blocks_; ++block) {
                load_block(from + channel(block), s_.channels, columns, block_width(),
                           row + block * slots * columns * block_channels);
            }
            held_[y % slots] = y;
        }
        return row;
    }

    void finish(const row_sum& row, std::int64_t block, T* to) const {
        if (!p_.act) return finish<identity_activation>(row, block, to);
        switch (*p_.act) {
            case activation::relu: return finish<relu_activation>(row, block, to);
            case activation::relu6: return finish<relu6_activation>(row, block, to);
            case activation::hard_swish: return finish<hard_swish_activation>(row, block, to);
            case activation::swish: return finish<swish_activation>(row, block, to);
            case activation::gelu: return finish<gelu_activation>(row, block, to);
        }
    }

    template <class Activation>
    void finish(const row_sum& row, std::int64_t block, T* to) const {
        const std::int64_t step = c_.phases * s_.channels;
        if (row.blocks == 2 && channel(block + 1) == channel(block) + block_channels) {
            return finish_pixels<Activation>(row.result, row.results, pair_channels,
                                             to + channel(block), step);
        }
        for (std::int64_t b = 0; b < row.blocks; ++b) {
            finish_pixels<Activation>(row.result + b * block_channels, row.results, block_width(),
                                      to + channel(block + b), step);
        }
    }

    const rows_problem<T>& p_;
    const depthwise_shape& s_;
    correlation c_;
    extent extent_;
    float* weights_;
    float* bias_;
    float* sums_;
    float* ring_;
    std::int64_t held_[most_rows];  // the source rows in the ring
    std::int64_t first_block_ = 0;
    std::int64_t blocks_ = 0;
    const T* source_ = nullptr;
    std::int64_t source_begin_ = 0;  // columns
    std::int64_t source_end_ = 0;
};

template <class T>
void compute_rows(const rows_problem<T>& p, std::int64_t first, std::int64_t last) {
    alignas(64) float buffer[buffer_floats];
    row_worker<T>(p, buffer).compute(first, last);
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
