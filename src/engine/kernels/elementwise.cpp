// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/activation-inl.hpp"
#include "engine/kernels/storage-inl.hpp"

#ifndef LATHE_KERNELS_ELEMENTWISE_ONCE
#define LATHE_KERNELS_ELEMENTWISE_ONCE

#include <type_traits>

#include "engine/kernels/chunks.hpp"
#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

// The operations on one chunk, as compiled for one target.
template <class T>
struct elementwise_operations {
    void (*add)(std::int64_t count, const T* src, T* dst);
    void (*forward)(activation act, std::int64_t count, const T* src, T* dst);
    void (*backward)(activation act, std::int64_t count, const T* src, const T* diff_dst,
                     T* diff_src);
};

}  // namespace
}  // namespace lathe::kernels
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

template <class T>
struct add_body {
    const T* HWY_RESTRICT src;
    T* HWY_RESTRICT dst;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        store(d, hn::Add(load(d, dst + i), load(d, src + i)), dst + i);
    }
};

template <class From, class To>
struct convert_body {
    const From* HWY_RESTRICT src;
    To* HWY_RESTRICT dst;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        store(d, load(d, src + i), dst + i);
    }
};

template <class Activation, class T>
struct forward_body {
    const T* src;
    T* dst;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        store(d, Activation::apply(d, load(d, src + i)), dst + i);
    }
};

template <class Activation, class T>
struct backward_body {
    const T* src;
    const T* diff_dst;
    T* diff_src;

    template <class D>
    HWY_INLINE void at(D d, std::int64_t i) const {
        const auto gradient = load(d, diff_dst + i);
        store(d, Activation::slope_times(d, load(d, src + i), gradient), diff_src + i);
    }
};

template <template <class, class> class Body, class T, class... Pointers>
void by_activation(activation act, std::int64_t count, Pointers... pointers) {
    switch (act) {
        case activation::relu:
            return for_each_vector(count, Body<relu_activation, T>{pointers...});
        case activation::relu6:
            return for_each_vector(count, Body<relu6_activation, T>{pointers...});
        case activation::hard_swish:
            return for_each_vector(count, Body<hard_swish_activation, T>{pointers...});
        case activation::swish:
            return for_each_vector(count, Body<swish_activation, T>{pointers...});
        case activation::gelu:
            return for_each_vector(count, Body<gelu_activation, T>{pointers...});
    }
}

template <class T>
void add(std::int64_t count, const T* src, T* dst) {
    for_each_vector(count, add_body<T>{src, dst});
}

template <class T>
void forward(activation act, std::int64_t count, const T* src, T* dst) {
    by_activation<forward_body, T>(act, count, src, dst);
}

template <class T>
void backward(activation act, std::int64_t count, const T* src, const T* diff_dst, T* diff_src) {
    by_activation<backward_body, T>(act, count, src, diff_dst, diff_src);
}

template <class T>
elementwise_operations<T> operations() {
    return {add<T>, forward<T>, backward<T>};
}

elementwise_operations<float> operations_of_float() { return operations<float>(); }
elementwise_operations<bf16> operations_of_bf16() { return operations<bf16>(); }

void narrow(std::int64_t count, const float* src, bf16* dst) {
    for_each_vector(count, convert_body<float, bf16>{src, dst});
}

void widen(std::int64_t count, const bf16* src, float* dst) {
    for_each_vector(count, convert_body<bf16, float>{src, dst});
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(operations_of_float);
HWY_EXPORT(operations_of_bf16);
HWY_EXPORT(narrow);
HWY_EXPORT(widen);

template <class T>
elementwise_operations<T> operations_for() {
    if constexpr (std::is_same_v<T, bf16>) {
        return HWY_DYNAMIC_DISPATCH(operations_of_bf16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(operations_of_float)();
    }
}

// body(first value, values) for every chunk, in parallel.
template <class Body>
void for_chunks(std::int64_t count, const Body& body) {
    const row_chunks chunks(count, 1);
    parallel_for(chunks.count(), [&](std::int64_t k) { body(chunks.begin(k), chunks.size(k)); });
}

}  // namespace

template <class T>
void add_inplace(std::int64_t count, const T* src, T* dst) {
    const auto operations = operations_for<T>();
    for_chunks(count, [&](std::int64_t at, std::int64_t size) {
        operations.add(size, src + at, dst + at);
    });
}

template <class T>
void activation_forward(activation act, std::int64_t count, const T* src, T* dst) {
    const auto operations = operations_for<T>();
    for_chunks(count, [&](std::int64_t at, std::int64_t size) {
        operations.forward(act, size, src + at, dst + at);
    });
}

template <class T>
void activation_backward(activation act, std::int64_t count, const T* src, const T* diff_dst,
                         T* diff_src) {
    const auto operations = operations_for<T>();
    for_chunks(count, [&](std::int64_t at, std::int64_t size) {
        operations.backward(act, size, src + at, diff_dst + at, diff_src + at);
    });
}

void convert(std::int64_t count, const float* src, bf16* dst) {
    for_chunks(count, [&](std::int64_t at, std::int64_t size) {
        HWY_DYNAMIC_DISPATCH(narrow)(size, src + at, dst + at);
    });
}

void convert(std::int64_t count, const bf16* src, float* dst) {
    for_chunks(count, [&](std::int64_t at, std::int64_t size) {
        HWY_DYNAMIC_DISPATCH(widen)(size, src + at, dst + at);
    });
}

#define LATHE_FOR_STORAGE(T)                                                       \
    template void add_inplace(std::int64_t, const T*, T*);                         \
    template void activation_forward(activation, std::int64_t, const T*, T*);      \
    template void activation_backward(activation, std::int64_t, const T*, const T*, T*);
LATHE_FOR_STORAGE(float)
LATHE_FOR_STORAGE(bf16)
#undef LATHE_FOR_STORAGE

}  // namespace lathe::kernels
#endif
