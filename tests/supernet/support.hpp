// SPDX-License-Identifier: Apache-2.0
// A small elastic space and images for it, so that training takes a second.
#pragma once

#include <numeric>

#include "lathe/data/glyphs.hpp"
#include "lathe/data/loader.hpp"
#include "lathe/search_space/mobile_space.hpp"

namespace lathe::test {

/// Two short stages on 16 x 16 or 14 x 14 images.
inline mobile_space small_space() {
    mobile_space_spec spec;
    spec.input_channels = 1;
    spec.resolutions = {14, 16};
    spec.stem_widths = {8, 16};
    spec.stem_stride = 2;
    spec.head_width = 32;
    mobile_stage stage;
    stage.widths = {16, 24};
    stage.max_depth = 2;
    stage.expansions = {1, 2};
    spec.stages = {stage, stage};
    spec.stages[1].stride = 2;
    spec.stages[1].gate = gate_choice::optional;
    spec.stages[1].act = activation::hard_swish;
    return mobile_space(spec);
}

/// Glyphs and how to read them.
struct small_data {
    explicit small_data(std::size_t images = 640, std::uint64_t seed = 3)
        : data(make_glyphs({.train = images, .test = 10, .seed = seed})), everything(images) {
        std::iota(everything.begin(), everything.end(), 0U);
        scale = measure_normalization(data.train, everything);
    }
    [[nodiscard]] batch_reader reader(std::int32_t batch,
                                      batch_order order = batch_order::training) const {
        return batch_reader(data.train, everything, scale,
                            {.batch = batch, .order = order, .changes = {.shift = 1}});
    }

    image_data data;
    std::vector<std::uint32_t> everything;
    normalization scale;
};

}  // namespace lathe::test
