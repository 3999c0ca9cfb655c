// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/mobile_space.hpp"

namespace lathe {

// Few channels and small expansions where the image is large: there the depthwise kernels and the
// traffic of the hidden channels cost most, and parameters are worth least.

mobile_space_spec mobile28() {
    mobile_space_spec spec;
    spec.input_channels = 1;
    spec.resolutions = {20, 24, 28};
    spec.stem_widths = {16};
    mobile_stage stage;
    stage.stride = 2;
    stage.expansions = {2, 3, 4};
    stage.widths = {16, 32};
    stage.max_depth = 2;
    spec.stages.push_back(stage);
    stage.widths = {32, 48};
    stage.max_depth = 3;
    spec.stages.push_back(stage);
    stage.widths = {64, 80, 96};
    spec.stages.push_back(stage);
    spec.head_width = 256;
    return spec;
}

mobile_space_spec mobile32() {
    mobile_space_spec spec;
    spec.input_channels = 3;
    spec.resolutions = {24, 28, 32};
    spec.stem_widths = {16};
    mobile_stage stage;
    stage.stride = 2;
    stage.expansions = {2, 3};
    stage.widths = {16, 32};
    stage.max_depth = 2;
    spec.stages.push_back(stage);
    stage.expansions = {2, 3, 4};
    stage.widths = {48, 64};
    stage.min_depth = 2;
    stage.max_depth = 3;
    // Where the image is small: there it costs nothing beside the weights, and accuracy gains.
    stage.act = spec.head_act = activation::hard_swish;
    spec.stages.push_back(stage);
    stage.widths = {64, 80, 96, 112};
    spec.stages.push_back(stage);
    spec.head_width = 256;
    return spec;
}

}  // namespace lathe
