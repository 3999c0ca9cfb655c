// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/batch_norm.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/channel_blocks-inl.hpp"

#ifndef LATHE_KERNELS_BATCH_NORM_ONCE
#define LATHE_KERNELS_BATCH_NORM_ONCE

#include <hwy/cache_control.h>

#include <algorithm>
#include <cmath>

#include "engine/kernels/chunks.hpp"

namespace lathe::kernels {
namespace {

// Per channel, what both directions need to compute the value before the activation:
// (src - mean) * factor + shift with factor = scale * inv_std.
struct normalization {
    const float* mean;
    const float* factor;
    const float* shift;
};

// Per channel, diff_src = factor * gradient - (src - mean) * slope - offset.
struct gradient_terms {
    const float* slope;
    const float* offset;
};

// Rows handled at once per channel block: what they hold fits in the first-level cache.
constexpr std::int64_t tile_floats = 4096;

// Results larger than this are written past the caches: the next reader would miss them anyway, and
// ordinary stores would first read every line. (Slower for the next reader below about 10 MB.)
constexpr std::int64_t streamed_bytes = 10'000'000;

bool should_stream(const float* dst, std::int64_t rows, std::int64_t channels) {
    constexpr std::int64_t line_floats = 16;
    return rows * channels * 4 > streamed_bytes && channels % line_floats == 0 &&
           reinterpret_cast<std::uintptr_t>(dst) % (line_floats * sizeof(float)) == 0;
}

std::int64_t tile_rows(std::int64_t channels) {
    return std::max<std::int64_t>(tile_floats / channels, 8);
}

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, float* to, bool streaming) {
    if (streaming) {
        hn::Stream(value, d, to);
    } else {
        hn::StoreU(value, d, to);
    }
}

// Adds sums of (src - pivot) and of its square over the rows.
struct moments_body {
    std::int64_t channels;
    std::int64_t rows;
    const float* HWY_RESTRICT src;
    const float* HWY_RESTRICT pivot;
    float* HWY_RESTRICT sums;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        constexpr int together = 4 / Vectors;  // rows, so that enough sums are in flight
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> shift[Vectors];
        hn::Vec<D> first[together][Vectors];
        hn::Vec<D> second[together][Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            shift[v] = hn::LoadU(d, pivot + channel + v * lanes);
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) first[t][v] = second[t][v] = hn::Zero(d);
        }
        const float* from = src + channel;
        std::int64_t row = 0;
        for (; row + together <= rows; row += together) {
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
                add<Vectors>(d, from, shift, first[t], second[t]);
                from += channels;
            }
        }
        for (; row < rows; ++row) {
            add<Vectors>(d, from, shift, first[0], second[0]);
            from += channels;
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
            for (int t = 1; t < together; ++t) {
                first[0][v] = hn::Add(first[0][v], first[t][v]);
                second[0][v] = hn::Add(second[0][v], second[t][v]);
            }
            float* sum = sums + channel + v * lanes;
            float* square = sum + channels;
            hn::StoreU(hn::Add(hn::LoadU(d, sum), first[0][v]), d, sum);
            hn::StoreU(hn::Add(hn::LoadU(d, square), second[0][v]), d, square);
        }
    }

    template <int Vectors, class D>
    static HWY_INLINE void add(D d, const float* from, const hn::Vec<D>* shift, hn::Vec<D>* first,
                               hn::Vec<D>* second) {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const auto x = hn::Sub(hn::LoadU(d, from + v * lanes), shift[v]);
            first[v] = hn::Add(first[v], x);
            second[v] = hn::MulAdd(x, x, second[v]);
        }
    }
};

template <class Activation>
struct normalize_body {
    std::int64_t channels;
    std::int64_t rows;
    const float* src;
    normalization norm;
    float* dst;
    bool streaming;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> mean[Vectors];
        hn::Vec<D> factor[Vectors];
        hn::Vec<D> shift[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            mean[v] = hn::LoadU(d, norm.mean + channel + v * lanes);
            factor[v] = hn::LoadU(d, norm.factor + channel + v * lanes);
            shift[v] = hn::LoadU(d, norm.shift + channel + v * lanes);
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            const float* from = src + row * channels + channel;
            float* to = dst + row * channels + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(hn::LoadU(d, from + v * lanes), mean[v]);
                const auto y = Activation::apply(d, hn::MulAdd(x, factor[v], shift[v]));
                store(d, y, to + v * lanes, streaming);
            }
        }
    }
};

// Adds sums of the gradient before the activation, and of its product with src - mean.
template <class Activation>
struct gradient_sums_body {
    std::int64_t channels;
    std::int64_t rows;
    const float* HWY_RESTRICT src;
    const float* HWY_RESTRICT diff_dst;
    normalization norm;
    float* HWY_RESTRICT sums;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> mean[Vectors];
        hn::Vec<D> factor[Vectors];
        hn::Vec<D> shift[Vectors];
        hn::Vec<D> sum[Vectors];
        hn::Vec<D> product[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            mean[v] = hn::LoadU(d, norm.mean + channel + v * lanes);
            factor[v] = hn::LoadU(d, norm.factor + channel + v * lanes);
            shift[v] = hn::LoadU(d, norm.shift + channel + v * lanes);
            sum[v] = hn::LoadU(d, sums + channel + v * lanes);
            product[v] = hn::LoadU(d, sums + channels + channel + v * lanes);
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t at = row * channels + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(hn::LoadU(d, src + at + v * lanes), mean[v]);
                const auto y = hn::MulAdd(x, factor[v], shift[v]);
                const auto gradient =
                    Activation::slope_times(d, y, hn::LoadU(d, diff_dst + at + v * lanes));
                sum[v] = hn::Add(sum[v], gradient);
                product[v] = hn::MulAdd(gradient, x, product[v]);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            hn::StoreU(sum[v], d, sums + channel + v * lanes);
            hn::StoreU(product[v], d, sums + channels + channel + v * lanes);
        }
    }
};

template <class Activation>
struct gradient_body {
    std::int64_t channels;
    std::int64_t rows;
    const float* src;
    const float* diff_dst;
    normalization norm;
    gradient_terms terms;
    float* diff_src;
    bool streaming;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> mean[Vectors];
        hn::Vec<D> factor[Vectors];
        hn::Vec<D> shift[Vectors];
        hn::Vec<D> slope[Vectors];
        hn::Vec<D> offset[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            mean[v] = hn::LoadU(d, norm.mean + channel + v * lanes);
            factor[v] = hn::LoadU(d, norm.factor + channel + v * lanes);
            shift[v] = hn::LoadU(d, norm.shift + channel + v * lanes);
            slope[v] = hn::LoadU(d, terms.slope + channel + v * lanes);
            offset[v] = hn::LoadU(d, terms.offset + channel + v * lanes);
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t at = row * channels + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(hn::LoadU(d, src + at + v * lanes), mean[v]);
                const auto y = hn::MulAdd(x, factor[v], shift[v]);
                const auto gradient =
                    Activation::slope_times(d, y, hn::LoadU(d, diff_dst + at + v * lanes));
                const auto straight = hn::MulSub(factor[v], gradient, offset[v]);
                store(d, hn::NegMulAdd(x, slope[v], straight), diff_src + at + v * lanes,
                      streaming);
            }
        }
    }
};

void add_moments(std::int64_t channels, std::int64_t rows, const float* src, const float* pivot,
                 float* sums) {
    const std::int64_t tile = tile_rows(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const moments_body body{channels, std::min(tile, rows - row), src + row * channels, pivot,
                                sums};
        for_channel_blocks(channels, body);
    }
}

template <class Activation>
void normalize_rows(std::int64_t channels, std::int64_t rows, const float* src,
                    const normalization& norm, float* dst, bool streaming) {
    const std::int64_t tile = tile_rows(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const normalize_body<Activation> body{channels, std::min(tile, rows - row),
                                              src + row * channels, norm, dst + row * channels,
                                              streaming};
        for_channel_blocks(channels, body);
    }
}

template <class Activation>
void add_gradient_sums(std::int64_t channels, std::int64_t rows, const float* src,
                       const float* diff_dst, const normalization& norm, float* sums) {
    const std::int64_t tile = tile_rows(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const gradient_sums_body<Activation> body{channels,
                                                  std::min(tile, rows - row),
                                                  src + row * channels,
                                                  diff_dst + row * channels,
                                                  norm,
                                                  sums};
        for_channel_blocks(channels, body);
    }
}

template <class Activation>
void gradient_rows(std::int64_t channels, std::int64_t rows, const float* src,
                   const float* diff_dst, const normalization& norm, const gradient_terms& terms,
                   float* diff_src, bool streaming) {
    const std::int64_t tile = tile_rows(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const gradient_body<Activation> body{channels,
                                             std::min(tile, rows - row),
                                             src + row * channels,
                                             diff_dst + row * channels,
                                             norm,
                                             terms,
                                             diff_src + row * channels,
                                             streaming};
        for_channel_blocks(channels, body);
    }
}

#define LATHE_BY_ACTIVATION(FUNCTION, ...)                                             \
    do {                                                                               \
        if (!act) return FUNCTION<identity_activation>(__VA_ARGS__);                   \
        switch (*act) {                                                                \
            case activation::relu: return FUNCTION<relu_activation>(__VA_ARGS__);      \
            case activation::relu6: return FUNCTION<relu6_activation>(__VA_ARGS__);    \
            case activation::hard_swish:                                               \
                return FUNCTION<hard_swish_activation>(__VA_ARGS__);                   \
            case activation::swish: return FUNCTION<swish_activation>(__VA_ARGS__);    \
            case activation::gelu: return FUNCTION<gelu_activation>(__VA_ARGS__);      \
        }                                                                              \
    } while (false)

void normalize(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
               const float* src, const normalization& norm, float* dst, bool streaming) {
    LATHE_BY_ACTIVATION(normalize_rows, channels, rows, src, norm, dst, streaming);
}

void gradient_sums(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                   const float* src, const float* diff_dst, const normalization& norm,
                   float* sums) {
    LATHE_BY_ACTIVATION(add_gradient_sums, channels, rows, src, diff_dst, norm, sums);
}

void gradient(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
              const float* src, const float* diff_dst, const normalization& norm,
              const gradient_terms& terms, float* diff_src, bool streaming) {
    LATHE_BY_ACTIVATION(gradient_rows, channels, rows, src, diff_dst, norm, terms, diff_src,
                        streaming);
}

#undef LATHE_BY_ACTIVATION

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(add_moments);
HWY_EXPORT(normalize);
HWY_EXPORT(gradient_sums);
HWY_EXPORT(gradient);

// Mean and population variance of one channel from the chunks' shifted sums (Chan et al. 1983).
void combine_moments(const batch_norm_shape& shape, const row_chunks& chunks, const float* src,
                     const float* sums, std::int64_t channel, double& mean, double& variance) {
    const auto rows = static_cast<double>(shape.rows);
    const auto part = [&](std::int64_t chunk) {
        struct result {
            double size, mean, squares;
        };
        const auto size = static_cast<double>(chunks.size(chunk));
        const double sum = sums[2 * chunk * shape.channels + channel];
        const double square = sums[(2 * chunk + 1) * shape.channels + channel];
        const double pivot = src[chunks.begin(chunk) * shape.channels + channel];
        return result{size, pivot + sum / size, square - sum * sum / size};
    };
    mean = 0;
    for (std::int64_t k = 0; k < chunks.count(); ++k) {
        const auto p = part(k);
        mean += p.size / rows * p.mean;
    }
    double squares = 0;
    for (std::int64_t k = 0; k < chunks.count(); ++k) {
        const auto p = part(k);
        squares += p.squares + p.size * (p.mean - mean) * (p.mean - mean);
    }
    // Rounding may leave a small negative number; NaN must stay NaN.
    variance = squares < 0 ? 0 : squares / rows;
}

}  // namespace

std::int64_t batch_norm_scratch(const batch_norm_shape& shape) {
    return (2 * row_chunks(shape.rows, shape.channels).count() + 3) * shape.channels;
}

void batch_norm_forward(const batch_norm_shape& shape, std::optional<activation> act,
                        float epsilon, const batch_norm_forward_args& args) {
    const std::int64_t channels = shape.channels;
    const row_chunks chunks(shape.rows, channels);
    float* const factor = args.scratch;
    float* const sums = args.scratch + channels;
    const bool streaming = should_stream(args.dst, shape.rows, channels);
#pragma omp parallel
    {
        const index_range mine = part_of_this_thread(chunks.count());
        for (std::int64_t k = mine.first; k < mine.last; ++k) {
            float* const chunk_sums = sums + 2 * k * channels;
            std::fill_n(chunk_sums, 2 * channels, 0.0F);
            const float* const src = args.src + chunks.begin(k) * channels;
            HWY_DYNAMIC_DISPATCH(add_moments)(channels, chunks.size(k), src, src, chunk_sums);
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (std::int64_t c = 0; c < channels; ++c) {
            double mean = 0;
            double variance = 0;
            combine_moments(shape, chunks, args.src, sums, c, mean, variance);
            args.mean[c] = static_cast<float>(mean);
            args.variance[c] = static_cast<float>(variance);
            args.inv_std[c] =
                static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
            factor[c] = args.scale[c] * args.inv_std[c];
        }
        // Backwards: what this thread read last is still in its cache.
        const normalization norm{args.mean, factor, args.shift};
        for (std::int64_t k = mine.last; k-- > mine.first;) {
            const std::int64_t at = chunks.begin(k) * channels;
            HWY_DYNAMIC_DISPATCH(normalize)
            (act, channels, chunks.size(k), args.src + at, norm, args.dst + at, streaming);
        }
        hwy::FlushStream();
    }
}

void batch_norm_backward(const batch_norm_shape& shape, std::optional<activation> act,
                         const batch_norm_backward_args& args) {
    const std::int64_t channels = shape.channels;
    const row_chunks chunks(shape.rows, channels);
    float* const factor = args.scratch;
    float* const slope = factor + channels;
    float* const offset = slope + channels;
    float* const sums = offset + channels;
    const auto rows = static_cast<double>(shape.rows);
    const bool streaming = should_stream(args.diff_src, shape.rows, channels);
    for (std::int64_t c = 0; c < channels; ++c) factor[c] = args.scale[c] * args.inv_std[c];
    const normalization norm{args.mean, factor, args.shift};
#pragma omp parallel
    {
        const index_range mine = part_of_this_thread(chunks.count());
        for (std::int64_t k = mine.first; k < mine.last; ++k) {
            float* const chunk_sums = sums + 2 * k * channels;
            std::fill_n(chunk_sums, 2 * channels, 0.0F);
            const std::int64_t at = chunks.begin(k) * channels;
            HWY_DYNAMIC_DISPATCH(gradient_sums)
            (act, channels, chunks.size(k), args.src + at, args.diff_dst + at, norm, chunk_sums);
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (std::int64_t c = 0; c < channels; ++c) {
            double sum = 0;
            double product = 0;
            for (std::int64_t k = 0; k < chunks.count(); ++k) {
                sum += static_cast<double>(sums[2 * k * channels + c]);
                product += static_cast<double>(sums[(2 * k + 1) * channels + c]);
            }
            const double inv_std = args.inv_std[c];
            args.diff_shift[c] = static_cast<float>(sum);
            args.diff_scale[c] = static_cast<float>(product * inv_std);
            slope[c] = static_cast<float>(factor[c] * inv_std * inv_std * product / rows);
            offset[c] = static_cast<float>(factor[c] * sum / rows);
        }
        const gradient_terms terms{slope, offset};
        for (std::int64_t k = mine.last; k-- > mine.first;) {
            const std::int64_t at = chunks.begin(k) * channels;
            HWY_DYNAMIC_DISPATCH(gradient)
            (act, channels, chunks.size(k), args.src + at, args.diff_dst + at, norm, terms,
             args.diff_src + at, streaming);
        }
        hwy::FlushStream();
    }
}

}  // namespace lathe::kernels
#endif
