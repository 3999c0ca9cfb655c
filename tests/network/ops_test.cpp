// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/ops.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <string>
#include <variant>

#include "lathe/core/error.hpp"
#include "network/op_table.hpp"

using namespace lathe;
using testing::op_table;

namespace {

tensor_type infer(const op& o, const std::vector<tensor_type>& inputs) {
    return std::visit([&](const auto& a) { return infer_type(a, inputs, "my layer"); }, o);
}

hash64 structure_of(const op& o) {
    hasher h;
    std::visit([&](const auto& a) { add_structure(h, a); }, o);
    return h.value();
}

struct misfit {
    op operation;
    std::vector<tensor_type> inputs;
    std::vector<std::string> says;  ///< besides the layer's name
};

}  // namespace

TEST_CASE("the table lists every op in the order of the variant") {
    const auto table = op_table();
    REQUIRE(table.size() == std::variant_size_v<op>);
    for (std::size_t i = 0; i < table.size(); ++i) CHECK(table[i].operation.index() == i);
}

TEST_CASE("every facet of every op") {
    std::set<std::string> names;
    for (const auto& c : op_table()) {
        DYNAMIC_SECTION(c.name) {
            CHECK(name_of(c.operation) == c.name);
            CHECK(infer(c.operation, c.inputs) == c.result);
            CHECK(std::visit([&](const auto& o) { return macs_of(o, c.inputs, c.result); },
                             c.operation) == c.macs);

            const auto parameters = parameters_of(c.operation);
            REQUIRE(parameters.size() == c.parameters.size());
            for (std::size_t i = 0; i < parameters.size(); ++i) {
                CHECK(parameters[i].role == c.parameters[i].first);
                CHECK(shape_of(*parameters[i].ref) == c.parameters[i].second);
            }

            std::set<hash64> structures{structure_of(c.operation)};
            for (const auto& variation : c.variations) structures.insert(structure_of(variation));
            CHECK(structures.size() == 1 + c.variations.size());
        }
        CHECK(names.insert(c.name).second);
    }
}

TEST_CASE("every op refuses a missing input and one too many") {
    for (const auto& c : op_table()) {
        if (c.name == "concat") continue;  // takes any number from 1 on
        INFO(c.name);
        auto inputs = c.inputs;
        inputs.push_back(image_type(8, 7, 5));
        CHECK_THROWS_WITH(infer(c.operation, inputs), Catch::Contains("'my layer'"));
        if (c.inputs.empty()) continue;
        inputs.resize(c.inputs.size() - 1);
        CHECK_THROWS_WITH(infer(c.operation, inputs), Catch::Contains("'my layer'"));
    }
    CHECK_THROWS_WITH(infer(concat_op{}, {}), Catch::Contains("'my layer'"));
}

TEST_CASE("shapes that do not fit are refused with the layer and both shapes") {
    const auto image = image_type(8, 7, 5);
    const auto vector = vector_type(6);
    const conv2d_op conv{whole("w", {6, 8, 3, 3}), {}, {1, 1}, {1, 1}, 1};
    auto grouped = conv;
    grouped.groups = 3;
    auto wrong_bias = conv;
    wrong_bias.bias = whole("b", {5});
    auto no_stride = conv;
    no_stride.stride = {0, 1};
    auto much_padding = conv;
    much_padding.padding = {1, 3};
    auto flat = conv;
    flat.weight = whole("w", {6, 8});
    auto symbolic_height = image;
    symbolic_height.dims[2] = dim::symbolic("height");

    auto symbolic_channels = image;
    symbolic_channels.dims[1] = dim::symbolic("channels");

    const batch_norm_op norm{whole("s", {8}), whole("t", {8})};
    auto no_epsilon = norm;
    no_epsilon.epsilon = 0.0F;
    auto nan_epsilon = norm;
    nan_epsilon.epsilon = std::numeric_limits<float>::quiet_NaN();

    const channel_gate_op gate{whole("rw", {3, 8}), whole("rb", {3}), whole("ew", {8, 4}),
                               whole("eb", {8})};
    const std::vector<misfit> cases{
        {input_op{tensor_type{}}, {}, {"without dimensions"}},
        {input_op{image_type(3, 0, 5)}, {}, {"f32[batch,3,0,5]"}},
        {conv, {image_type(4, 7, 5)}, {"[6,8,3,3]", "f32[batch,4,7,5]", "'w'"}},
        {conv, {vector}, {"f32[batch,6]"}},
        {conv, {image_type(8, 0, 5)}, {}},
        {conv, {symbolic_height}, {"f32[batch,8,height,5]"}},
        {grouped, {image}, {"3 groups", "[6,8,3,3]", "f32[batch,8,7,5]"}},
        {wrong_bias, {image}, {"'b'", "[5]", "[6]"}},
        {no_stride, {image}, {"stride 0", "f32[batch,8,7,5]"}},
        {much_padding, {image}, {"padding 3"}},
        {flat, {image}, {"[6,8]", "4 dimensions"}},
        {norm, {image_type(7, 7, 5)}, {"'s'", "[8]", "[7]"}},
        {norm, {vector}, {"f32[batch,6]"}},
        {concat_op{}, {image, symbolic_channels}, {"f32[batch,channels,7,5]"}},
        {pool_op{
             pooling::max, {std::int64_t{1} << 62, 1}, {1, 1}, {(std::int64_t{1} << 62) - 1, 0}},
         {image},
         {"kernel 4611686018427387904"}},
        {no_epsilon, {image}, {"epsilon is 0"}},
        {nan_epsilon, {image}, {"epsilon is nan"}},
        {add_op{}, {image, image_type(8, 5, 7)}, {"f32[batch,8,7,5]", "f32[batch,8,5,7]"}},
        {add_op{}, {image, vector}, {"f32[batch,8,7,5]", "f32[batch,6]"}},
        {gate, {image}, {"'ew'", "[8,4]", "[8,3]"}},
        {gate, {image_type(9, 7, 5)}, {"'rw'", "[3,8]", "[3,9]"}},
        {pool_op{pooling::max, {8, 2}, {1, 1}, {0, 0}}, {image}, {"kernel 8", "f32[batch,8,7,5]"}},
        {pool_op{pooling::max, {2, 2}, {1, 1}, {2, 0}}, {image}, {"padding 2"}},
        {global_pool_op{}, {vector}, {"f32[batch,6]"}},
        {concat_op{}, {image, image_type(8, 7, 4)}, {"f32[batch,8,7,4]", "f32[batch,8,7,5]"}},
        {concat_op{}, {image, vector}, {"f32[batch,6]", "f32[batch,8,7,5]"}},
        {linear_op{whole("w", {10, 5}), whole("b", {10})}, {vector}, {"[10,5]", "f32[batch,6]"}},
        {linear_op{whole("w", {10, 6}), whole("b", {9})}, {vector}, {"'b'", "[9]", "[10]"}},
        {linear_op{whole("w", {10, 6}), whole("b", {10})}, {image}, {"f32[batch,8,7,5]"}},
        {softmax_op{}, {image}, {"f32[batch,8,7,5]"}},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        INFO("case " << i << ", " << name_of(cases[i].operation));
        try {
            infer(cases[i].operation, cases[i].inputs);
            FAIL_CHECK("accepted");
        } catch (const error& e) {
            CHECK(e.code() == errc::shape);
            CHECK_THAT(e.place(), Catch::Contains("'my layer'"));
            for (const auto& text : cases[i].says) CHECK_THAT(e.what(), Catch::Contains(text));
        }
    }
}

TEST_CASE("kernels, strides and padding decide height and width") {
    const auto size_after = [](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                               std::int64_t padding) {
        const conv2d_op conv{
            whole("w", {1, 1, kernel, 1}), {}, {stride, 1}, {padding, 0}, 1};
        return infer(conv, {image_type(1, size, 1)}).dims[2].size();
    };
    for (std::int64_t size = 1; size < 12; ++size) {
        for (std::int64_t kernel = 1; kernel < 6; ++kernel) {
            for (std::int64_t stride = 1; stride < 4; ++stride) {
                for (std::int64_t padding = 0; padding < kernel; ++padding) {
                    if (size + 2 * padding < kernel) {
                        CHECK_THROWS_AS(size_after(size, kernel, stride, padding), error);
                        continue;
                    }
                    std::int64_t windows = 0;
                    for (std::int64_t at = 0; at + kernel <= size + 2 * padding; at += stride) {
                        ++windows;
                    }
                    CHECK(size_after(size, kernel, stride, padding) == windows);
                }
            }
        }
    }
}

TEST_CASE("element type and quantization pass through layers") {
    auto image = image_type(8, 7, 5);
    image.element = element_type::u8;
    image.quantized = quantization{0.1F, 128};
    CHECK(infer(activation_op{}, {image}).element == element_type::u8);
    CHECK(infer(pool_op{}, {image}).quantized == image.quantized);
    auto other = image;
    other.quantized->zero_point = 0;
    CHECK_THROWS_AS(infer(add_op{}, {image, other}), error);
}

TEST_CASE("names of activations") {
    std::set<std::string_view> names;
    for (int i = 0; i < 5; ++i) names.insert(to_string(static_cast<activation>(i)));
    CHECK(names == std::set<std::string_view>{"gelu", "hard_swish", "relu", "relu6", "swish"});
}
