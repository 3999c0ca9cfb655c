// SPDX-License-Identifier: Apache-2.0
// The passes of batch norm over some rows of tensors stored as T. Included once per target.
#if defined(LATHE_KERNELS_BATCH_NORM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_BATCH_NORM_INL
#undef LATHE_KERNELS_BATCH_NORM_INL
#else
#define LATHE_KERNELS_BATCH_NORM_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/channel_blocks-inl.hpp"
#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_BATCH_NORM_ONCE
#define LATHE_KERNELS_BATCH_NORM_ONCE

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/kernels/batch_norm_passes.hpp"

namespace lathe::kernels {

constexpr std::int64_t line_bytes = 64;

// Rows handled at once per channel block: what they hold fits in the first-level cache.
template <class T>
std::int64_t tile_rows(std::int64_t channels) {
    constexpr std::int64_t tile_bytes = 16 * 1024;
    const auto row_bytes = channels * static_cast<std::int64_t>(sizeof(T));
    return std::max<std::int64_t>(tile_bytes / row_bytes, 8);
}

}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

// Past the caches only where a block covers whole lines: parts of lines that leave the core one by
// one are slower than ordinary stores.
template <int Vectors, class D, class T>
HWY_INLINE void store_or_stream(D d, hn::Vec<D> value, T* to, bool streaming) {
    constexpr auto block_bytes = Vectors * static_cast<std::int64_t>(hn::MaxLanes(D()) * sizeof(T));
    if constexpr (block_bytes % line_bytes == 0) {
        if (streaming) return stream(d, value, to);
    }
    store(d, value, to);
}

// Rows of bf16 are so short that too few of them are on their way when each waits for its own loads.
template <int Vectors, class D, class T>
HWY_INLINE void fetch_ahead(D, const T* row, std::int64_t channels) {
    if constexpr (sizeof(T) < sizeof(float)) {
        constexpr std::uintptr_t rows_ahead = 6;
        constexpr std::uintptr_t block_bytes = Vectors * hn::MaxLanes(D()) * sizeof(T);
        // As a number: past the end of a tensor there is nothing to point to, nor to fetch.
        const std::uintptr_t next = reinterpret_cast<std::uintptr_t>(row) +
                                    rows_ahead * static_cast<std::uintptr_t>(channels) * sizeof(T);
#pragma GCC unroll 2
        for (std::uintptr_t byte = 0; byte < block_bytes; byte += line_bytes) {
            hwy::Prefetch(reinterpret_cast<const char*>(next + byte));
        }
    }
}

template <class T>
struct moments_body {
    std::int64_t channels;
    std::int64_t rows;
    const T* HWY_RESTRICT src;
    const T* HWY_RESTRICT pivot;
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
            shift[v] = load(d, pivot + channel + v * lanes);
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) first[t][v] = second[t][v] = hn::Zero(d);
        }
        const T* from = src + channel;
        std::int64_t row = 0;
        for (; row + together <= rows; row += together) {
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
                fetch_ahead<Vectors>(d, from, channels);
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
    static HWY_INLINE void add(D d, const T* from, const hn::Vec<D>* shift, hn::Vec<D>* first,
                               hn::Vec<D>* second) {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const auto x = hn::Sub(load(d, from + v * lanes), shift[v]);
            first[v] = hn::Add(first[v], x);
            second[v] = hn::MulAdd(x, x, second[v]);
        }
    }
};

template <class Activation, class T>
struct normalize_body {
    std::int64_t channels;
    std::int64_t rows;
    const T* src;
    normalization norm;
    T* dst;
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
            const T* from = src + row * channels + channel;
            T* to = dst + row * channels + channel;
            fetch_ahead<Vectors>(d, from, channels);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(load(d, from + v * lanes), mean[v]);
                const auto y = Activation::apply(d, hn::MulAdd(x, factor[v], shift[v]));
                store_or_stream<Vectors>(d, y, to + v * lanes, streaming);
            }
        }
    }
};

template <bool Keeps, class Activation, class T>
struct gradient_sums_body {
    std::int64_t channels;
    std::int64_t rows;
    const T* src;
    const T* diff_dst;
    normalization norm;
    float* HWY_RESTRICT sums;
    T* before;  // where Keeps puts the gradient before the activation; may be diff_dst

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
            fetch_ahead<Vectors>(d, src + at, channels);
            fetch_ahead<Vectors>(d, diff_dst + at, channels);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(load(d, src + at + v * lanes), mean[v]);
                const auto y = hn::MulAdd(x, factor[v], shift[v]);
                const auto gradient =
                    Activation::slope_times(d, y, load(d, diff_dst + at + v * lanes));
                sum[v] = hn::Add(sum[v], gradient);
                product[v] = hn::MulAdd(gradient, x, product[v]);
                if constexpr (Keeps) store(d, gradient, before + at + v * lanes);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            hn::StoreU(sum[v], d, sums + channel + v * lanes);
            hn::StoreU(product[v], d, sums + channels + channel + v * lanes);
        }
    }
};

template <class Activation, class T>
struct gradient_body {
    std::int64_t channels;
    std::int64_t rows;
    const T* src;
    const T* diff_dst;
    normalization norm;
    gradient_terms terms;
    T* diff_src;
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
            fetch_ahead<Vectors>(d, src + at, channels);
            fetch_ahead<Vectors>(d, diff_dst + at, channels);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = hn::Sub(load(d, src + at + v * lanes), mean[v]);
                const auto y = hn::MulAdd(x, factor[v], shift[v]);
                const auto gradient =
                    Activation::slope_times(d, y, load(d, diff_dst + at + v * lanes));
                const auto straight = hn::MulSub(factor[v], gradient, offset[v]);
                store_or_stream<Vectors>(d, hn::NegMulAdd(x, slope[v], straight),
                                         diff_src + at + v * lanes, streaming);
            }
        }
    }
};

template <class T>
void add_moments(std::int64_t channels, std::int64_t rows, const T* src, const T* pivot,
                 float* sums) {
    // Each tile adds its own sums at its end: tiles must not depend on T, or the bits would.
    const std::int64_t tile = tile_rows<float>(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const moments_body<T> body{channels, std::min(tile, rows - row), src + row * channels,
                                   pivot, sums};
        for_channel_blocks(channels, body);
    }
}

template <class Activation, class T>
void normalize_rows(std::int64_t channels, std::int64_t rows, const T* src,
                    const normalization& norm, T* dst, bool streaming) {
    const std::int64_t tile = tile_rows<T>(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const normalize_body<Activation, T> body{channels,
                                                 std::min(tile, rows - row),
                                                 src + row * channels,
                                                 norm,
                                                 dst + row * channels,
                                                 streaming};
        for_channel_blocks(channels, body);
    }
}

template <class Activation, class T>
void add_gradient_sums(std::int64_t channels, std::int64_t rows, const T* src, const T* diff_dst,
                       const normalization& norm, float* sums) {
    const std::int64_t tile = tile_rows<T>(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const gradient_sums_body<false, Activation, T> body{channels,
                                                            std::min(tile, rows - row),
                                                            src + row * channels,
                                                            diff_dst + row * channels,
                                                            norm,
                                                            sums,
                                                            nullptr};
        for_channel_blocks(channels, body);
    }
}

template <class Activation, class T>
void activation_gradient_rows(std::int64_t channels, std::int64_t rows, const T* src, T* diff,
                              const normalization& norm, float* sums) {
    const std::int64_t tile = tile_rows<T>(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        T* const rows_diff = diff + row * channels;
        const gradient_sums_body<true, Activation, T> body{channels,
                                                           std::min(tile, rows - row),
                                                           src + row * channels,
                                                           rows_diff,
                                                           norm,
                                                           sums,
                                                           rows_diff};
        for_channel_blocks(channels, body);
    }
}

template <class Activation, class T>
void gradient_rows(std::int64_t channels, std::int64_t rows, const T* src, const T* diff_dst,
                   const normalization& norm, const gradient_terms& terms, T* diff_src,
                   bool streaming) {
    const std::int64_t tile = tile_rows<T>(channels);
    for (std::int64_t row = 0; row < rows; row += tile) {
        const gradient_body<Activation, T> body{channels,
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

template <class T>
void normalize(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
               const T* src, const normalization& norm, T* dst, bool streaming) {
    LATHE_BY_ACTIVATION(normalize_rows, channels, rows, src, norm, dst, streaming);
}

template <class T>
void gradient_sums(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                   const T* src, const T* diff_dst, const normalization& norm, float* sums) {
    LATHE_BY_ACTIVATION(add_gradient_sums, channels, rows, src, diff_dst, norm, sums);
}

template <class T>
void activation_gradient(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                         const T* src, T* diff, const normalization& norm, float* sums) {
    LATHE_BY_ACTIVATION(activation_gradient_rows, channels, rows, src, diff, norm, sums);
}

template <class T>
void gradient(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
              const T* src, const T* diff_dst, const normalization& norm,
              const gradient_terms& terms, T* diff_src, bool streaming) {
    LATHE_BY_ACTIVATION(gradient_rows, channels, rows, src, diff_dst, norm, terms, diff_src,
                        streaming);
}

#undef LATHE_BY_ACTIVATION

template <class T>
batch_norm_passes<T> passes() {
    return {add_moments<T>, normalize<T>, gradient_sums<T>, activation_gradient<T>, gradient<T>};
}

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
