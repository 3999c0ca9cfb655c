// SPDX-License-Identifier: Apache-2.0
// The search spaces whose members every part must treat alike.
#pragma once

#include "lathe/search_space/cell_space.hpp"
#include "lathe/search_space/chain_space.hpp"
#include "lathe/search_space/mobile_space.hpp"

namespace lathe::test {

/// Every kind of layer and every activation that a chain may have.
inline chain_space varied_chain() {
    return chain_space(
        {.input_channels = 3,
         .resolution = 24,
         .layers = {conv_layer{"c1", {8, 12, 16}, {3, 5}, 2, activation::gelu},
                    depthwise_layer{"d2", {3, 5, 7}, 1, activation::relu6},
                    conv_layer{"c3", {16, 24}, {1, 3}, 1, activation::swish},
                    pool_layer{"p4", pooling::max, 2, 2},
                    depthwise_layer{"d5", {3, 5}, 2, activation::hard_swish},
                    conv_layer{"c6", {20, 32}, {1}}, pool_layer{"p7", pooling::average, 3, 1}}});
}

/// Squeeze-and-excite in some, all or none of the blocks; hard-swish.
inline mobile_space gated_mobile() {
    mobile_space_spec spec;
    spec.input_channels = 3;
    spec.resolutions = {20, 24};
    spec.stem_widths = {8, 16};
    spec.stem_stride = 2;
    spec.stem_act = activation::hard_swish;
    spec.head_width = 64;
    spec.head_act = activation::hard_swish;
    mobile_stage stage;
    stage.widths = {16, 24};
    stage.max_depth = 2;
    stage.expansions = {1, 2, 3};
    stage.gate = gate_choice::optional;
    stage.act = activation::hard_swish;
    spec.stages = {stage, stage};
    spec.stages[1].widths = {32, 40};
    spec.stages[1].stride = 2;
    spec.stages[1].gate = gate_choice::always;
    return mobile_space(spec);
}

}  // namespace lathe::test
