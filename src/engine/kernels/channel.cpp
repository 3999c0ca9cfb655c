// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/channel.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/channel.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/channel_blocks-inl.hpp"

#ifndef LATHE_KERNELS_CHANNEL_ONCE
#define LATHE_KERNELS_CHANNEL_ONCE

#include <algorithm>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

// A part of one image's channels; pointers are at its first pixel and first channel.
struct image_part {
    std::int64_t pixels;
    std::int64_t channels;  // of this part
    std::int64_t stride;    // floats from pixel to pixel
};

}  // namespace
}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

struct mean_body {
    image_part part;
    const float* HWY_RESTRICT src;
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
        const float* from = src + channel;
        std::int64_t p = 0;
        for (; p + together <= part.pixels; p += together) {
#pragma GCC unroll 4
            for (int t = 0; t < together; ++t) {
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    sum[t][v] = hn::Add(sum[t][v], hn::LoadU(d, from + v * lanes));
                }
                from += part.stride;
            }
        }
        for (; p < part.pixels; ++p) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                sum[0][v] = hn::Add(sum[0][v], hn::LoadU(d, from + v * lanes));
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

struct scale_body {
    image_part part;
    const float* src;
    const float* HWY_RESTRICT gate;
    float* dst;

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
                const auto x = hn::LoadU(d, src + at + v * lanes);
                hn::StoreU(hn::Mul(x, factor[v]), d, dst + at + v * lanes);
            }
        }
    }
};

struct scale_gradient_body {
    image_part part;
    const float* src;
    const float* diff_dst;
    const float* HWY_RESTRICT gate;
    float* diff_src;
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
                const auto gradient = hn::LoadU(d, diff_dst + at + v * lanes);
                sum[v] = hn::MulAdd(gradient, hn::LoadU(d, src + at + v * lanes), sum[v]);
                hn::StoreU(hn::Mul(gradient, factor[v]), d, diff_src + at + v * lanes);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            hn::StoreU(sum[v], d, diff_gate + channel + v * lanes);
        }
    }
};

template <bool Add>
struct constant_body {
    image_part part;
    const float* HWY_RESTRICT values;
    float factor;
    float* HWY_RESTRICT dst;

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
            float* const to = dst + p * part.stride + channel;
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                auto result = constant[v];
                if constexpr (Add) result = hn::Add(result, hn::LoadU(d, to + v * lanes));
                hn::StoreU(result, d, to + v * lanes);
            }
        }
    }
};

void mean(const image_part& part, const float* src, float* result) {
    for_channel_blocks(part.channels, mean_body{part, src, result});
}

void scale(const image_part& part, const float* src, const float* gate, float* dst) {
    for_channel_blocks(part.channels, scale_body{part, src, gate, dst});
}

void scale_gradient(const image_part& part, const float* src, const float* diff_dst,
                    const float* gate, float* diff_src, float* diff_gate) {
    for_channel_blocks(part.channels,
                       scale_gradient_body{part, src, diff_dst, gate, diff_src, diff_gate});
}

void add_constant(const image_part& part, const float* values, float factor, float* dst) {
    for_channel_blocks(part.channels, constant_body<true>{part, values, factor, dst});
}

void set_constant(const image_part& part, const float* values, float factor, float* dst) {
    for_channel_blocks(part.channels, constant_body<false>{part, values, factor, dst});
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(mean);
HWY_EXPORT(scale);
HWY_EXPORT(scale_gradient);
HWY_EXPORT(add_constant);
HWY_EXPORT(set_constant);

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

void channel_mean(const channel_shape& shape, const float* src, float* mean_of) {
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        HWY_DYNAMIC_DISPATCH(mean)(part, src + at, mean_of + value);
    });
}

void channel_scale(const channel_shape& shape, const float* src, const float* gate, float* dst) {
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        HWY_DYNAMIC_DISPATCH(scale)(part, src + at, gate + value, dst + at);
    });
}

void channel_scale_gradient(const channel_shape& shape, const float* src, const float* diff_dst,
                            const float* gate, float* diff_src, float* diff_gate) {
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        HWY_DYNAMIC_DISPATCH(scale_gradient)
        (part, src + at, diff_dst + at, gate + value, diff_src + at, diff_gate + value);
    });
}

void add_channel_constant(const channel_shape& shape, const float* values, float factor,
                          float* dst) {
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        HWY_DYNAMIC_DISPATCH(add_constant)(part, values + value, factor, dst + at);
    });
}

void set_channel_constant(const channel_shape& shape, const float* values, float factor,
                          float* dst) {
    for_image_parts(shape, [&](const image_part& part, std::int64_t at, std::int64_t value) {
        HWY_DYNAMIC_DISPATCH(set_constant)(part, values + value, factor, dst + at);
    });
}

}  // namespace lathe::kernels
#endif
