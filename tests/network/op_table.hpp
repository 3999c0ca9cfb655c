// SPDX-License-Identifier: Apache-2.0
// Every op once, with what its facets must say: the list that tests of a facet go through.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lathe/network/ops.hpp"

namespace lathe::testing {

struct op_case {
    std::string name;
    op operation;
    std::vector<tensor_type> inputs;
    tensor_type result;
    std::int64_t macs;
    std::vector<std::pair<param_role, std::vector<std::int64_t>>> parameters;
    std::vector<op> variations;  ///< the same op, each with one attribute changed
};

/// One entry per alternative of the variant, in its order.
inline std::vector<op_case> op_table() {
    using enum param_role;
    const auto image = image_type(8, 7, 5);
    const auto vector = vector_type(6);
    auto quantized = image;
    quantized.quantized = quantization{0.5F, 3};
    auto half = image;
    half.element = element_type::bf16;

    const conv2d_op conv{
        whole("w", {6, 4, 3, 1}), whole("b", {6}), {2, 1}, {1, 0}, 2};
    auto other_stride = conv;
    other_stride.stride = {1, 2};
    auto other_padding = conv;
    other_padding.padding = {2, 0};
    auto other_groups = conv;
    other_groups.groups = 1;
    auto without_bias = conv;
    without_bias.bias.reset();

    const batch_norm_op norm{whole("scale", {8}), whole("shift", {8}), 1e-3F};
    auto other_epsilon = norm;
    other_epsilon.epsilon = 1e-5F;

    const channel_gate_op gate{whole("rw", {3, 8}), whole("rb", {3}), whole("ew", {8, 3}),
                               whole("eb", {8})};

    const pool_op pool{pooling::max, {3, 2}, {2, 1}, {1, 0}};
    auto average = pool;
    average.kind = pooling::average;
    auto other_kernel = pool;
    other_kernel.kernel = {2, 3};
    auto other_pool_stride = pool;
    other_pool_stride.stride = {1, 2};
    auto other_pool_padding = pool;
    other_pool_padding.padding = {0, 1};

    return {
        {"input", input_op{image}, {}, image, 0, {},
         {input_op{image_type(8, 7, 6)}, input_op{vector}, input_op{quantized}, input_op{half}}},
        // 6 x 4 x 3 x 1 weights at 4 x 5 positions
        {"conv2d", conv, {image}, image_type(6, 4, 5), 72 * 20,
         {{conv_weight, {6, 4, 3, 1}}, {bias, {6}}},
         {other_stride, other_padding, other_groups, without_bias}},
        {"batch_norm", norm, {image}, image, 0, {{norm_scale, {8}}, {norm_shift, {8}}},
         {other_epsilon}},
        {"activation", activation_op{activation::relu}, {image}, image, 0, {},
         {activation_op{activation::relu6}, activation_op{activation::hard_swish},
          activation_op{activation::swish}, activation_op{activation::gelu}}},
        {"add", add_op{}, {image, image}, image, 0, {}, {}},
        {"channel_gate", gate, {image}, image, 2 * 3 * 8,
         {{linear_weight, {3, 8}}, {bias, {3}}, {linear_weight, {8, 3}}, {bias, {8}}}, {}},
        {"pool", pool, {image}, image_type(8, 4, 4), 0, {},
         {average, other_kernel, other_pool_stride, other_pool_padding}},
        {"global_pool", global_pool_op{}, {image}, vector_type(8), 0, {}, {}},
        {"concat", concat_op{}, {image, image_type(3, 7, 5), image}, image_type(19, 7, 5), 0, {}, {}},
        {"linear", linear_op{whole("w", {10, 6}), whole("b", {10})}, {vector}, vector_type(10), 60,
         {{linear_weight, {10, 6}}, {bias, {10}}}, {}},
        {"softmax", softmax_op{}, {vector}, vector, 0, {}, {}},
    };
}

}  // namespace lathe::testing
