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

// Neighbouring values as one or two vectors. Of two vectors of bf16 the first has the even values:
// to take them apart in their order takes more instructions. Floats that go with the values are
// taken apart, and put together, in the same way.
template <int Vectors, class D>
struct group {
    hn::Vec<D> at[Vectors];
};

template <int Vectors, class D>
HWY_INLINE group<Vectors, D> load_group(D d, const float* from) {
    if constexpr (Vectors == 1) {
        return {{hn::LoadU(d, from)}};
    } else {
        return {{hn::LoadU(d, from), hn::LoadU(d, from + hn::MaxLanes(d))}};
    }
}

template <int Vectors, class D>
HWY_INLINE group<Vectors, D> load_group(D d, const bf16* from) {
    if constexpr (Vectors == 1) {
        return {{load(d, from)}};
    } else {
        const hn::RebindToUnsigned<D> wide;
        const auto bits = hn::LoadU(wide, reinterpret_cast<const std::uint32_t*>(from));
        const auto upper = hn::And(bits, hn::Set(wide, 0xFFFF0000U));
        return {{hn::BitCast(d, hn::ShiftLeft<16>(bits)), hn::BitCast(d, upper)}};
    }
}

// Floats that go with a group of T.
template <class T, int Vectors, class D>
HWY_INLINE group<Vectors, D> load_beside(D d, const float* from) {
    if constexpr (Vectors == 2 && sizeof(T) < sizeof(float)) {
        group<2, D> apart;
        hn::LoadInterleaved2(d, from, apart.at[0], apart.at[1]);
        return apart;
    } else {
        return load_group<Vectors>(d, from);
    }
}

template <class T, int Vectors, class D>
HWY_INLINE void store_beside(D d, const group<Vectors, D>& values, float* to) {
    if constexpr (Vectors == 1) {
        hn::StoreU(values.at[0], d, to);
    } else if constexpr (sizeof(T) < sizeof(float)) {
        hn::StoreInterleaved2(values.at[0], values.at[1], d, to);
    } else {
        hn::StoreU(values.at[0], d, to);
        hn::StoreU(values.at[1], d, to + hn::MaxLanes(d));
    }
}

// Two vectors as the values that they stand for, two in each lane.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> round_to_bf16(D d, const group<2, D>& values) {
#if HWY_TARGET == HWY_AVX3
    if constexpr (full_vector<D>) {
        alignas(64) static constexpr std::uint16_t order[32] = {
            0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
        if (converts_to_bf16) {
            const __m512i halves = convert(values.at[0].raw, values.at[1].raw);
            return {_mm512_permutexvar_epi16(_mm512_load_si512(order), halves)};
        }
    }
#endif
    const hn::RebindToUnsigned<D> wide;
    const auto even = hn::ShiftRight<16>(rounded_bits(d, values.at[0]));
    const auto odd = hn::And(rounded_bits(d, values.at[1]), hn::Set(wide, 0xFFFF0000U));
    return hn::Or(even, odd);
}

template <int Vectors, class D>
HWY_INLINE void store_group(D d, const group<Vectors, D>& values, float* to) {
    store_beside<float>(d, values, to);
}

template <int Vectors, class D>
HWY_INLINE void store_group(D d, const group<Vectors, D>& values, bf16* to) {
    if constexpr (Vectors == 1) {
        store(d, values.at[0], to);
    } else {
        const hn::RebindToUnsigned<D> wide;
        hn::StoreU(round_to_bf16(d, values), wide, reinterpret_cast<std::uint32_t*>(to));
    }
}

// Past the caches. Preconditions: what is stored is at least 16 bytes, and `to` is aligned to it.
template <int Vectors, class D>
HWY_INLINE void stream_group(D d, const group<Vectors, D>& values, float* to) {
    for (int v = 0; v < Vectors; ++v) hn::Stream(values.at[v], d, to + v * hn::MaxLanes(d));
}

template <class D>
HWY_INLINE void stream_group(D d, const group<2, D>& values, bf16* to) {
    const hn::RebindToUnsigned<D> wide;
    hn::Stream(round_to_bf16(d, values), wide, reinterpret_cast<std::uint32_t*>(to));
}

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
