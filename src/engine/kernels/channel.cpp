// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/channel.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/channel.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/channel_blocks-inl.hpp"
#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_CHANNEL_ONCE
#define LATHE_KERNELS_CHANNEL_ONCE

#include <algorithm>
#include <type_traits>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

// A part of one image's channels; pointers are at its first pixel and first channel.
struct image_part {
    std::int64_t pixels;
    std::int64_t channels;  // of this part
    std::int64_t stride;    // values from pixel to pixel
};

// The operations on one part, as compiled for one target.
template <class T>
struct channel_operations {
    void (*mean)(const image_part& part, const T* src, float* result);
    void (*scale)(const image_part& part, const T* src, const float* gate, T* dst);
    void (*scale_gradient)(const image_part& part, const T* src, const T* diff_dst,
                           const float* gate, T* diff_src, float* diff_gate);
    void (*add_constant)(const image_part& part, const float* values, float factor, T* dst);
    void (*set_constant)(const image_part& part, const float* values, float factor, T* dst);
};

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

template <class T>
struct mean_body {
    image_part part;
    const T* HWY_RESTRICT src;
    float* HWY_RESTRICT mean;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        constexpr int together = 4 / Vectors;  // pixels, so that enough sums are in flight
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> sum[together][Vectors];
#pragma GCC unroll 4
        for (int t = 0; t < together; ++t) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sum[t][v] = hn::Zero(d);
        }
        const T* from = src + channel;
        std::int64_t p = 0;
        for (; p + together <= part.pixels; p += together) {
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    sum[t][v] = hn::Add(sum[t][v], load(d, from + v * lanes));
                }
                from += part.stride;
            }
        }
        for (; p < part.pixels; ++p) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                sum[0][v] = hn::Add(sum[0][v], load(d, from + v * lanes));
            }
            from += part.stride;
        }
        const auto count = hn::Set(d, static_cast<float>(part.pixels));
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
            for (int t = 1; t < together; ++t) sum[0][v] = hn::Add(sum[0][v], sum[t][v]);
            hn::StoreU(hn::Div(sum[0][v], count), d, mean + channel + v * lanes);
        }
    }
};

template <class T>
struct scale_body {
    image_part part;
    const T* src;
    const float* HWY_RESTRICT gate;
    T* dst;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> factor[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) factor[v] = hn::LoadU(d, gate + channel + v * lanes);
        for (std::int64_t p = 0; p < part.pixels; ++p) {
            const std::int64_t at = p * part.stride + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto x = load(d, src + at + v * lanes);
                store(d, hn::Mul(x, factor[v]), dst + at + v * lanes);
            }
        }
    }
};

template <class T>
struct scale_gradient_body {
    image_part part;
    const T* src;
    const T* diff_dst;
    const float* HWY_RESTRICT gate;
    T* diff_src;
    float* HWY_RESTRICT diff_gate;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> factor[Vectors];
        hn::Vec<D> sum[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            factor[v] = hn::LoadU(d, gate + channel + v * lanes);
            sum[v] = hn::Zero(d);
        }
        for (std::int64_t p = 0; p < part.pixels; ++p) {
            const std::int64_t at = p * part.stride + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const auto gradient = load(d, diff_dst + at + v * lanes);
                sum[v] = hn::MulAdd(gradient, load(d, src + at + v * lanes), sum[v]);
                store(d, hn::Mul(gradient, factor[v]), diff_src + at + v * lanes);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            hn::StoreU(sum[v], d, diff_gate + channel + v * lanes);
        }
    }
};

template <bool Add, class T>
struct constant_body {
    image_part part;
    const float* HWY_RESTRICT values;
    float factor;
    T* HWY_RESTRICT dst;

    template <int Vectors, class D>
    HWY_INLINE void run(D d, std::int64_t channel) const {
        const auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
        hn::Vec<D> constant[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            constant[v] =
                hn::Mul(hn::LoadU(d, values + channel + v * lanes), hn::Set(d, factor));
        }
        for (std::int64_t p = 0; p < part.pixels; ++p) {
            T* const to = dst + p * part.stride + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                auto result = constant[v];
                if constexpr (Add) result = hn::Add(result, load(d, to + v * lanes));
                store(d, result, to + v * lanes);
            }
        }
    }
};

template <class T>
void mean(const image_part& part, const T* src, float* result) {
    for_channel_blocks(part.channels, mean_body<T>{part, src, result});
}

template <class T>
void scale(const image_part& part, const T* src, const float* gate, T* dst) {
    for_channel_blocks(part.channels, scale_body<T>{part, src, gate, dst});
}

template <class T>
void scale_gradient(const image_part& part, const T* src, const T* diff_dst, const float* gate,
                    T* diff_src, float* diff_gate) {
    for_channel_blocks(part.channels,
                       scale_gradient_body<T>{part, src, diff_dst, gate, diff_src, diff_gate});
}

template <bool Add, class T>
void constant(const image_part& part, const float* values, float factor, T* dst) {
    for_channel_blocks(part.channels, constant_body<Add, T>{part, values, factor, dst});
}

template <class T>
channel_operations<T> operations() {
    return {mean<T>, scale<T>, scale_gradient<T>, constant<true, T>, constant<false, T>};
}

channel_operations<float> operations_of_float() { return operations<float>(); }
channel_operations<bf16> operations_of_bf16() { return operations<bf16>(); }

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(operations_of_float);
HWY_EXPORT(operations_of_bf16);

template <class T>
channel_operations<T> operations_for() {
    if constexpr (std::is_same_v<T, bf16>) {
        return HWY_DYNAMIC_DISPATCH(operations_of_bf16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(operations_of_float)();
    }
}

// Calls body(part, offset in images, offset in per-channel values) for every image and every run of
// channels, in parallel; a small batch is split over its channels too.
template <class Body>
void for_image_parts(const channel_shape& shape, const Body& body) {
    constexpr std::int64_t part_channels = 64;
    const std::int64_t parts = (shape.channels + part_channels - 1) / part_channels;
    parallel_for(shape.batch * parts, [&](std::int64_t i) {
        const std::int64_t image = i / parts;
        const std::int64_t channel = i % parts * part_channels;
        const image_part part{shape.pixels, std::min(part_channels, shape.channels - channel),
                              shape.channels};
        body(part, image * shape.pixels * shape.channels + channel,
             image * shape.channels + channel);
    }, shape.batch * shape.pixels * shape.channels > 10000);
}

}  // namespace

template <class T>
void channel_mean(const channel_shape& shape, const T* src, float* mean_of) {
    const auto operations = operations_for<T>();
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        operations.mean(part, src + at, mean_of + value);
    });
}

template <class T>
void channel_scale(const channel_shape& shape, const T* src, const float* gate, T* dst) {
    const auto operations = operations_for<T>();
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        operations.scale(part, src + at, gate + value, dst + at);
    });
}

template <class T>
void channel_scale_gradient(const channel_shape& shape, const T* src, const T* diff_dst,
                            const float* gate, T* diff_src, float* diff_gate) {
    const auto operations = operations_for<T>();
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        operations.scale_gradient(part, src + at, diff_dst + at, gate + value, diff_src + at,
                                  diff_gate + value);
    });
}

template <class T>
void add_channel_constant(const channel_shape& shape, const float* values, float factor, T* dst) {
    const auto operations = operations_for<T>();
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        operations.add_constant(part, values + value, factor, dst + at);
    });
}

template <class T>
void set_channel_constant(const channel_shape& shape, const float* values, float factor, T* dst) {
    const auto operations = operations_for<T>();
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        operations.set_constant(part, values + value, factor, dst + at);
    });
}

#define LATHE_FOR_STORAGE(T)                                                                 \
    template void channel_mean(const channel_shape&, const T*, float*);                      \
    template void channel_scale(const channel_shape&, const T*, const float*, T*);           \
    template void channel_scale_gradient(const channel_shape&, const T*, const T*,           \
                                         const float*, T*, float*);                          \
    template void add_channel_constant(const channel_shape&, const float*, float, T*);       \
    template void set_channel_constant(const channel_shape&, const float*, float, T*);
LATHE_FOR_STORAGE(float)
LATHE_FOR_STORAGE(bf16)
#undef LATHE_FOR_STORAGE

}  // namespace lathe::kernels
#endif
