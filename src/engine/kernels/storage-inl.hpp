// SPDX-License-Identifier: Apache-2.0
// Loads and stores of float32 vectors from and to tensors stored as float or bf16. Included once per
// target, by sources that use foreach_target.
#if defined(LATHE_KERNELS_STORAGE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_STORAGE_INL
#undef LATHE_KERNELS_STORAGE_INL
#else
#define LATHE_KERNELS_STORAGE_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "engine/kernels/bf16.hpp"

#ifndef LATHE_KERNELS_STORAGE_ONCE
#define LATHE_KERNELS_STORAGE_ONCE

namespace lathe::kernels {

// Whether the CPU converts to bf16 itself, in a fifth of the instructions. Its conversion makes
// subnormal numbers zero, ours keeps them; all other results are the same.
#if HWY_ARCH_X86
inline const bool converts_to_bf16 = __builtin_cpu_supports("avx512bf16") != 0;
#endif

}  // namespace lathe::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
    return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const bf16* from) {
    const hn::RebindToUnsigned<D> wide;
    const hn::Rebind<std::uint16_t, D> narrow;
    const auto bits = hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(from));
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}

// The value as bf16 in the upper half of each lane, anything in the lower. Nearest, ties to even; NaN
// stays NaN.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded_bits(D, hn::Vec<D> value) {
    const hn::RebindToUnsigned<D> wide;
    const auto bits = hn::BitCast(wide, value);
    const auto odd = hn::TestBit(bits, hn::Set(wide, 0x10000));
    const auto half = hn::IfThenElse(odd, hn::Set(wide, 0x8000), hn::Set(wide, 0x7FFF));
    const auto quiet = hn::Or(bits, hn::Set(wide, 0x400000));
    const auto is_nan = hn::RebindMask(wide, hn::IsNaN(value));
    return hn::IfThenElse(is_nan, quiet, hn::Add(bits, half));
}

#if HWY_TARGET == HWY_AVX3
template <class D>
constexpr bool full_vector = hn::MaxLanes(D()) == 16;

HWY_INLINE __m256i convert(__m512 value) {
    __m256i rounded;
    asm("vcvtneps2bf16 %1, %0" : "=v"(rounded) : "v"(value));
    return rounded;
}

HWY_INLINE __m512i convert(__m512 first, __m512 second) {
    __m512i rounded;
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(rounded) : "v"(first), "v"(second));
    return rounded;
}
#endif

template <class D>
HWY_INLINE hn::Vec<hn::Rebind<std::uint16_t, D>> round_to_bf16(D d, hn::Vec<D> value) {
#if HWY_TARGET == HWY_AVX3
    if constexpr (full_vector<D>) {
        if (converts_to_bf16) return {convert(value.raw)};
    }
#endif
    const hn::RebindToSigned<D> positive;  // below 2^16: as good as unsigned
    const hn::Rebind<std::uint16_t, D> narrow;
    const auto high = hn::ShiftRight<16>(rounded_bits(d, value));
    return hn::DemoteTo(narrow, hn::BitCast(positive, high));
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, float* to) {
    hn::StoreU(value, d, to);
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, bf16* to) {
    const hn::Rebind<std::uint16_t, D> narrow;
    hn::StoreU(round_to_bf16(d, value), narrow, reinterpret_cast<std::uint16_t*>(to));
}

// Two vectors, one after the other: for bf16 cheaper than twice one.
template <class D>
HWY_INLINE void store_pair(D d, hn::Vec<D> first, hn::Vec<D> second, float* to) {
    hn::StoreU(first, d, to);
    hn::StoreU(second, d, to + hn::Lanes(d));
}

template <class D>
HWY_INLINE void store_pair(D d, hn::Vec<D> first, hn::Vec<D> second, bf16* to) {
#if HWY_TARGET == HWY_SCALAR
    store(d, first, to);
    store(d, second, to + 1);
#else
    const hn::Repartition<std::uint16_t, D> both;
#if HWY_TARGET == HWY_AVX3
    if constexpr (full_vector<D>) {
        if (converts_to_bf16) {
            return hn::StoreU(hn::Vec<decltype(both)>{convert(first.raw, second.raw)}, both,
                              reinterpret_cast<std::uint16_t*>(to));
        }
    }
#endif
    const auto low = hn::BitCast(both, rounded_bits(d, first));
    const auto high = hn::BitCast(both, rounded_bits(d, second));
    hn::StoreU(hn::ConcatOdd(both, high, low), both, reinterpret_cast<std::uint16_t*>(to));
#endif
}

// Past the caches. Preconditions: what is stored is at least 16 bytes, and `to` is aligned to it.
template <class D>
HWY_INLINE void stream(D d, hn::Vec<D> value, float* to) {
    hn::Stream(value, d, to);
}

template <class D>
HWY_INLINE void stream(D d, hn::Vec<D> value, bf16* to) {
    const hn::Rebind<std::uint16_t, D> narrow;
    hn::Stream(round_to_bf16(d, value), narrow, reinterpret_cast<std::uint16_t*>(to));
}

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
