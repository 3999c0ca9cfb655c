// SPDX-License-Identifier: Apache-2.0
// What the passes of batch norm do with one block of channels of a few rows. Included once per
// target.
#if defined(LATHE_KERNELS_BATCH_NORM_BODIES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_BATCH_NORM_BODIES_INL
#undef LATHE_KERNELS_BATCH_NORM_BODIES_INL
#else
#define LATHE_KERNELS_BATCH_NORM_BODIES_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_BATCH_NORM_BODIES_ONCE
#define LATHE_KERNELS_BATCH_NORM_BODIES_ONCE

#include <cstdint>

#include "engine/kernels/batch_norm_passes.hpp"

namespace lathe::kernels {

constexpr std::int64_t line_bytes = 64;

}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Past the caches only where a block covers whole lines: parts of lines that leave the core one by
// one are slower than ordinary stores.
template <int Vectors, int Size, class D, class T>
HWY_INLINE void store_or_stream(D d, const group<Size, D>& values, T* to, bool streaming) {
    constexpr auto block_bytes = Vectors * static_cast<std::int64_t>(hn::MaxLanes(D()) * sizeof(T));
    if constexpr (block_bytes % line_bytes == 0) {
        if (streaming) return stream_group(d, values, to);
    }
    store_group(d, values, to);
}

// Rows of bf16 are so short that too few of them are on their way when each waits for its own
// loads.
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

// The channels of a block, as a few groups of vectors.
template <int Vectors, class D>
struct block_of {
    static constexpr int size = Vectors > 1 ? 2 : 1;
    static constexpr int groups = Vectors / size;
    static constexpr auto channels =
        static_cast<std::int64_t>(size * hn::MaxLanes(D()));  // of a group

    group<size, D> at[groups];
};

// A float of each channel, for values of T.
template <class T, int Vectors, class D>
HWY_INLINE block_of<Vectors, D> load_block(D d, const float* from) {
    using block = block_of<Vectors, D>;
    block floats;
#pragma GCC unroll 4
    for (int g = 0; g < block::groups; ++g) {
        floats.at[g] = load_beside<T, block::size>(d, from + g * block::channels);
    }
    return floats;
}

template <class T, int Vectors, class D>
HWY_INLINE void store_block(D d, const block_of<Vectors, D>& floats, float* to) {
    using block = block_of<Vectors, D>;
#pragma GCC unroll 4
    for (int g = 0; g < block::groups; ++g) {
        store_beside<T>(d, floats.at[g], to + g * block::channels);
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
        using block = block_of<Vectors, D>;
        constexpr int together = 4 / Vectors;  // rows, so that enough sums are in flight
        block shift;
        block first[together];
        block second[together];
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            shift.at[g] = load_group<block::size>(d, pivot + channel + g * block::channels);
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    first[t].at[g].at[i] = second[t].at[g].at[i] = hn::Zero(d);
                }
            }
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
        add_parts<Vectors>(d, first, sums + channel);
        add_parts<Vectors>(d, second, sums + channels + channel);
    }

    template <int Vectors, class D>
    static HWY_INLINE void add(D d, const T* from, const block_of<Vectors, D>& shift,
                               block_of<Vectors, D>& first, block_of<Vectors, D>& second) {
        using block = block_of<Vectors, D>;
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const auto values = load_group<block::size>(d, from + g * block::channels);
#pragma GCC unroll 2
            for (int i = 0; i < block::size; ++i) {
                const auto x = hn::Sub(values.at[i], shift.at[g].at[i]);
                first.at[g].at[i] = hn::Add(first.at[g].at[i], x);
                second.at[g].at[i] = hn::MulAdd(x, x, second.at[g].at[i]);
            }
        }
    }

    // Adds those of the rows together to the sums.
    template <int Vectors, class D>
    static HWY_INLINE void add_parts(D d, const block_of<Vectors, D>* parts, float* sums) {
        using block = block_of<Vectors, D>;
        auto total = load_block<T, Vectors>(d, sums);
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
#pragma GCC unroll 2
            for (int i = 0; i < block::size; ++i) {
                auto part = parts[0].at[g].at[i];
#pragma GCC unroll 4
                for (int t = 1; t < 4 / Vectors; ++t) part = hn::Add(part, parts[t].at[g].at[i]);
                total.at[g].at[i] = hn::Add(total.at[g].at[i], part);
            }
        }
        store_block<T, Vectors>(d, total, sums);
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
        using block = block_of<Vectors, D>;
        const auto mean = load_block<T, Vectors>(d, norm.mean + channel);
        const auto factor = load_block<T, Vectors>(d, norm.factor + channel);
        const auto shift = load_block<T, Vectors>(d, norm.shift + channel);
        for (std::int64_t row = 0; row < rows; ++row) {
            const T* from = src + row * channels + channel;
            T* to = dst + row * channels + channel;
            fetch_ahead<Vectors>(d, from, channels);
#pragma GCC unroll 4
            for (int g = 0; g < block::groups; ++g) {
                auto values = load_group<block::size>(d, from + g * block::channels);
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    const auto x = hn::Sub(values.at[i], mean.at[g].at[i]);
                    values.at[i] =
                        Activation::apply(d, hn::MulAdd(x, factor.at[g].at[i], shift.at[g].at[i]));
                }
                store_or_stream<Vectors>(d, values, to + g * block::channels, streaming);
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
        using block = block_of<Vectors, D>;
        const auto mean = load_block<T, Vectors>(d, norm.mean + channel);
        const auto factor = load_block<T, Vectors>(d, norm.factor + channel);
        const auto shift = load_block<T, Vectors>(d, norm.shift + channel);
        auto sum = load_block<T, Vectors>(d, sums + channel);
        auto product = load_block<T, Vectors>(d, sums + channels + channel);
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t begin = row * channels + channel;
            fetch_ahead<Vectors>(d, src + begin, channels);
            fetch_ahead<Vectors>(d, diff_dst + begin, channels);
#pragma GCC unroll 4
            for (int g = 0; g < block::groups; ++g) {
                const std::int64_t at = begin + g * block::channels;
                const auto values = load_group<block::size>(d, src + at);
                auto gradient = load_group<block::size>(d, diff_dst + at);
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    const auto x = hn::Sub(values.at[i], mean.at[g].at[i]);
                    const auto y = hn::MulAdd(x, factor.at[g].at[i], shift.at[g].at[i]);
                    gradient.at[i] = Activation::slope_times(d, y, gradient.at[i]);
                    sum.at[g].at[i] = hn::Add(sum.at[g].at[i], gradient.at[i]);
                    product.at[g].at[i] = hn::MulAdd(gradient.at[i], x, product.at[g].at[i]);
                }
                if constexpr (Keeps) store_group(d, gradient, before + at);
            }
        }
        store_block<T, Vectors>(d, sum, sums + channel);
        store_block<T, Vectors>(d, product, sums + channels + channel);
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
        using block = block_of<Vectors, D>;
        const auto mean = load_block<T, Vectors>(d, norm.mean + channel);
        const auto factor = load_block<T, Vectors>(d, norm.factor + channel);
        const auto shift = load_block<T, Vectors>(d, norm.shift + channel);
        const auto slope = load_block<T, Vectors>(d, terms.slope + channel);
        const auto offset = load_block<T, Vectors>(d, terms.offset + channel);
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t begin = row * channels + channel;
            fetch_ahead<Vectors>(d, src + begin, channels);
            fetch_ahead<Vectors>(d, diff_dst + begin, channels);
#pragma GCC unroll 4
            for (int g = 0; g < block::groups; ++g) {
                const std::int64_t at = begin + g * block::channels;
                const auto values = load_group<block::size>(d, src + at);
                auto gradient = load_group<block::size>(d, diff_dst + at);
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    const auto x = hn::Sub(values.at[i], mean.at[g].at[i]);
                    const auto y = hn::MulAdd(x, factor.at[g].at[i], shift.at[g].at[i]);
                    const auto before = Activation::slope_times(d, y, gradient.at[i]);
                    const auto straight =
                        hn::MulSub(factor.at[g].at[i], before, offset.at[g].at[i]);
                    gradient.at[i] = hn::NegMulAdd(x, slope.at[g].at[i], straight);
                }
                store_or_stream<Vectors>(d, gradient, diff_src + at, streaming);
            }
        }
    }
};

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
