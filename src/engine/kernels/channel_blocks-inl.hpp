// SPDX-License-Identifier: Apache-2.0
// Cuts a row of channels into blocks of a few vectors: 4, 2 and 1 full vectors (two and one where
// registers are few), then half vectors down to one lane. Included once per target.
#if defined(LATHE_KERNELS_CHANNEL_BLOCKS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_CHANNEL_BLOCKS_INL
#undef LATHE_KERNELS_CHANNEL_BLOCKS_INL
#else
#define LATHE_KERNELS_CHANNEL_BLOCKS_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET <= HWY_AVX3
constexpr int most_vectors = 4;
#else
constexpr int most_vectors = 2;
#endif

template <int Lanes, class Body>
HWY_INLINE void channel_tail(std::int64_t channel, std::int64_t channels, const Body& body) {
    constexpr hn::CappedTag<float, Lanes> d;
    for (; channel + Lanes <= channels; channel += Lanes) body.template run<1>(d, channel);
    if constexpr (Lanes > 1) channel_tail<Lanes / 2>(channel, channels, body);
}

// Calls body.run<Vectors>(tag, first channel) for each block of Vectors vectors of the tag.
template <class Body>
HWY_INLINE void for_channel_blocks(std::int64_t channels, const Body& body) {
    constexpr hn::CappedTag<float, 16> d;
    constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
    std::int64_t channel = 0;
    if constexpr (most_vectors == 4) {
        for (; channel + 4 * lanes <= channels; channel += 4 * lanes) {
            body.template run<4>(d, channel);
        }
    }
    for (; channel + 2 * lanes <= channels; channel += 2 * lanes) body.template run<2>(d, channel);
    channel_tail<lanes>(channel, channels, body);
}

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
