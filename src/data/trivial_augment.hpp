// SPDX-License-Identifier: Apache-2.0
// TrivialAugment (Mueller, Hutter 2021): one random change to an image, of random strength.
#pragma once

#include <cstdint>
#include <span>

#include "lathe/core/rng.hpp"
#include "lathe/data/concept.hpp"

namespace lathe::detail {

/// Position `i` on an axis that goes on beyond both ends as its own mirror image, edge included; at
/// most one length of the axis outside.
[[nodiscard]] inline std::size_t mirrored(std::int32_t i, std::int32_t size) {
    if (i < 0) return static_cast<std::size_t>(-1 - i);
    if (i >= size) return static_cast<std::size_t>(2 * size - 1 - i);
    return static_cast<std::size_t>(i);
}

/// Changes the image, height x width x channels, in place by one of: nothing, brightness, contrast,
/// saturation, sharpness, full contrast, equal histogram, fewer tones, a turn, a slant in either
/// direction, a zoom. Translation is left to the random shift.
void trivial_augment(image_shape shape, std::span<std::uint8_t> image, rng& random);

}  // namespace lathe::detail
