// SPDX-License-Identifier: Apache-2.0
// Generated images: ten hand-drawn signs under clutter and noise. Nothing to download.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lathe/data/image_set.hpp"

namespace lathe {

struct glyph_options {
    std::size_t train = 12000;
    std::size_t test = 2000;
    std::uint64_t seed = 1;
};

/// 28 x 28 x 1 images of 10 classes, equally frequent. Classes differ in detail (a ring, a ring
/// with a gap, a ring with a bar, ...), each image in position, size, slant, stroke, strokes that
/// belong to nothing, a covered patch, brightness and noise. An image depends on (seed, part,
/// number) alone and is the same on every platform: only basic arithmetic and square roots are
/// used. About 50 us per image on one core. Throws bad_input when a part is empty or larger than
/// 2^20 images.
[[nodiscard]] image_data make_glyphs(const glyph_options& options = {});

}  // namespace lathe
