// SPDX-License-Identifier: Apache-2.0
// The passes of batch norm over some rows of tensors stored as T. Included once per target.
#if defined(LATHE_KERNELS_BATCH_NORM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_BATCH_NORM_INL
#undef LATHE_KERNELS_BATCH_NORM_INL
#else
#define LATHE_KERNELS_BATCH_NORM_INL
#endif

#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/batch_norm_bodies-inl.hpp"
#include "engine/kernels/channel_blocks-inl.hpp"

#ifndef LATHE_KERNELS_BATCH_NORM_ONCE
#define LATHE_KERNELS_BATCH_NORM_ONCE

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/kernels/batch_norm_passes.hpp"

namespace lathe::kernels {

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
