// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"

#ifndef LATHE_KERNELS_ELEMENTWISE_ONCE
#define LATHE_KERNELS_ELEMENTWISE_ONCE

#include "engine/kernels/chunks.hpp"
#include "engine/kernels/parallel.hpp"

#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

// at(tag, index) for full vectors, then for single values.
template <class Body>
HWY_INLINE void for_each_vector(std::int64_t count, const Body& body) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) body.at(d, i);
    const hn::CappedTag<float, 1> one;
    for (; i < count; ++i) body.at(one, i);
}

struct add_body {
    const float* HWY_RESTRICT src;
    float* HWY_RESTRICT dst;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        hn::StoreU(hn::Add(hn::LoadU(d, dst + i), hn::LoadU(d, src + i)), d, dst + i);
    }
};

template <class Activation>
struct forward_body {
    const float* src;
    float* dst;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        hn::StoreU(Activation::apply(d, hn::LoadU(d, src + i)), d, dst + i);
    }
};

template <class Activation>
struct backward_body {
    const float* src;
    const float* diff_dst;
    float* diff_src;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        const auto gradient = hn::LoadU(d, diff_dst + i);
        hn::StoreU(Activation::slope_times(d, hn::LoadU(d, src + i), gradient), d, diff_src + i);
    }
};

void add(std::int64_t count, const float* src, float* dst) {
    for_each_vector(count, add_body{src, dst});
}

void forward(activation act, std::int64_t count, const float* src, float* dst) {
    switch (act) {
        case activation::relu:
            return for_each_vector(count, forward_body<relu_activation>{src, dst});
        case activation::relu6:
            return for_each_vector(count, forward_body<relu6_activation>{src, dst});
        case activation::hard_swish:
            return for_each_vector(count, forward_body<hard_swish_activation>{src, dst});
        case activation::swish:
            return for_each_vector(count, forward_body<swish_activation>{src, dst});
        case activation::gelu:
            return for_each_vector(count, forward_body<gelu_activation>{src, dst});
    }
}

void backward(activation act, std::int64_t count, const float* src, const float* diff_dst,
              float* diff_src) {
    switch (act) {
        case activation::relu:
            return for_each_vector(count,
                                   backward_body<relu_activation>{src, diff_dst, diff_src});
        case activation::relu6:
            return for_each_vector(count,
                                   backward_body<relu6_activation>{src, diff_dst, diff_src});
        case activation::hard_swish:
            return for_each_vector(count,
                                   backward_body<hard_swish_activation>{src, diff_dst, diff_src});
        case activation::swish:
            return for_each_vector(count,
                                   backward_body<swish_activation>{src, diff_dst, diff_src});
        case activation::gelu:
            return for_each_vector(count,
                                   backward_body<gelu_activation>{src, diff_dst, diff_src});
    }
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(add);
HWY_EXPORT(forward);
HWY_EXPORT(backward);

}  // namespace

void add_inplace(std::int64_t count, const float* src, float* dst) {
    const row_chunks chunks(count, 1);
    parallel_for(chunks.count(), [&](std::int64_t k) {
        const std::int64_t at = chunks.begin(k);
        HWY_DYNAMIC_DISPATCH(add)(chunks.size(k), src + at, dst + at);
    });
}

void activation_forward(activation act, std::int64_t count, const float* src, float* dst) {
    const row_chunks chunks(count, 1);
    parallel_for(chunks.count(), [&](std::int64_t k) {
        const std::int64_t at = chunks.begin(k);
        HWY_DYNAMIC_DISPATCH(forward)(act, chunks.size(k), src + at, dst + at);
    });
}

void activation_backward(activation act, std::int64_t count, const float* src,
                         const float* diff_dst, float* diff_src) {
    const row_chunks chunks(count, 1);
    parallel_for(chunks.count(), [&](std::int64_t k) {
        const std::int64_t at = chunks.begin(k);
        HWY_DYNAMIC_DISPATCH(backward)
        (act, chunks.size(k), src + at, diff_dst + at, diff_src + at);
    });
}

}  // namespace lathe::kernels
#endif
