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

// A block of channels is a few groups of vectors.
template <int Vectors, class D>
struct block_of {
    static constexpr int size = Vectors > 1 ? 2 : 1;
    static constexpr int groups = Vectors / size;
    static constexpr auto channels =
        static_cast<std::int64_t>(size * hn::MaxLanes(D()));  // of a group
    using type = group<size, D>;
};

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
        typename block::type shift[block::groups];
        typename block::type first[together][block::groups];
        typename block::type second[together][block::groups];
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            shift[g] = load_group<block::size>(d, pivot + channel + g * block::channels);
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    first[t][g].at[i] = second[t][g].at[i] = hn::Zero(d);
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
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            float* sum = sums + channel + g * block::channels;
            add_parts<Vectors>(d, first, g, sum);
            add_parts<Vectors>(d, second, g, sum + channels);
        }
    }

    template <int Vectors, class D>
    static HWY_INLINE void add(D d, const T* from, const typename block_of<Vectors, D>::type* shift,
                               typename block_of<Vectors, D>::type* first,
                               typename block_of<Vectors, D>::type* second) {
        using block = block_of<Vectors, D>;
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const auto values = load_group<block::size>(d, from + g * block::channels);
#pragma GCC unroll 2
            for (int i = 0; i < block::size; ++i) {
                const auto x = hn::Sub(values.at[i], shift[g].at[i]);
                first[g].at[i] = hn::Add(first[g].at[i], x);
                second[g].at[i] = hn::MulAdd(x, x, second[g].at[i]);
            }
        }
    }

    // Adds group g of all rows together to the sums.
    template <int Vectors, class D, class Parts>
    static HWY_INLINE void add_parts(D d, const Parts& parts, int g, float* sums) {
        constexpr int size = block_of<Vectors, D>::size;
        auto total = load_beside<T, size>(d, sums);
#pragma GCC unroll 2
        for (int i = 0; i < size; ++i) {
            auto part = parts[0][g].at[i];
#pragma GCC unroll 4
            for (int t = 1; t < 4 / Vectors; ++t) part = hn::Add(part, parts[t][g].at[i]);
            total.at[i] = hn::Add(total.at[i], part);
        }
        store_beside<T>(d, total, sums);
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
        typename block::type mean[block::groups];
        typename block::type factor[block::groups];
        typename block::type shift[block::groups];
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const std::int64_t at = channel + g * block::channels;
            mean[g] = load_beside<T, block::size>(d, norm.mean + at);
            factor[g] = load_beside<T, block::size>(d, norm.factor + at);
            shift[g] = load_beside<T, block::size>(d, norm.shift + at);
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            const T* from = src + row * channels + channel;
            T* to = dst + row * channels + channel;
            fetch_ahead<Vectors>(d, from, channels);
#pragma GCC unroll 4
            for (int g = 0; g < block::groups; ++g) {
                auto values = load_group<block::size>(d, from + g * block::channels);
#pragma GCC unroll 2
                for (int i = 0; i < block::size; ++i) {
                    const auto x = hn::Sub(values.at[i], mean[g].at[i]);
                    values.at[i] =
                        Activation::apply(d, hn::MulAdd(x, factor[g].at[i], shift[g].at[i]));
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
        typename block::type mean[block::groups];
        typename block::type factor[block::groups];
        typename block::type shift[block::groups];
        typename block::type sum[block::groups];
        typename block::type product[block::groups];
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const std::int64_t at = channel + g * block::channels;
            mean[g] = load_beside<T, block::size>(d, norm.mean + at);
            factor[g] = load_beside<T, block::size>(d, norm.factor + at);
            shift[g] = load_beside<T, block::size>(d, norm.shift + at);
            sum[g] = load_beside<T, block::size>(d, sums + at);
            product[g] = load_beside<T, block::size>(d, sums + channels + at);
        }
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
                    const auto x = hn::Sub(values.at[i], mean[g].at[i]);
                    const auto y = hn::MulAdd(x, factor[g].at[i], shift[g].at[i]);
                    gradient.at[i] = Activation::slope_times(d, y, gradient.at[i]);
                    sum[g].at[i] = hn::Add(sum[g].at[i], gradient.at[i]);
                    product[g].at[i] = hn::MulAdd(gradient.at[i], x, product[g].at[i]);
                }
                if constexpr (Keeps) store_group(d, gradient, before + at);
            }
        }
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const std::int64_t at = channel + g * block::channels;
            store_beside<T>(d, sum[g], sums + at);
            store_beside<T>(d, product[g], sums + channels + at);
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
        using block = block_of<Vectors, D>;
        typename block::type mean[block::groups];
        typename block::type factor[block::groups];
        typename block::type shift[block::groups];
        typename block::type slope[block::groups];
        typename block::type offset[block::groups];
#pragma GCC unroll 4
        for (int g = 0; g < block::groups; ++g) {
            const std::int64_t at = channel + g * block::channels;
            mean[g] = load_beside<T, block::size>(d, norm.mean + at);
            factor[g] = load_beside<T, block::size>(d, norm.factor + at);
            shift[g] = load_beside<T, block::size>(d, norm.shift + at);
            slope[g] = load_beside<T, block::size>(d, terms.slope + at);
            offset[g] = load_beside<T, block::size>(d, terms.offset + at);
        }
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
                    const auto x = hn::Sub(values.at[i], mean[g].at[i]);
                    const auto y = hn::MulAdd(x, factor[g].at[i], shift[g].at[i]);
                    const auto before = Activation::slope_times(d, y, gradient.at[i]);
                    const auto straight = hn::MulSub(factor[g].at[i], before, offset[g].at[i]);
                    gradient.at[i] = hn::NegMulAdd(x, slope[g].at[i], straight);
                }
                store_or_stream<Vectors>(d, gradient, diff_src + at, streaming);
            }
        }
    }
};

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
