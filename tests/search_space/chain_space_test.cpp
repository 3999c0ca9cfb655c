// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/chain_space.hpp"

#include <catch2/catch.hpp>

#include "lathe/core/error.hpp"
#include "lathe/search_space/members.hpp"
#include "search_space/shipped_space.hpp"

using namespace lathe;

namespace {

chain_space_spec example() {
    return {.input_channels = 1,
            .resolution = 28,
            .classes = 10,
            .layers = {conv_layer{"c1", {8, 16}, {3, 5}, 2},
                       depthwise_layer{"d2", {3, 5, 7}, 1, activation::hard_swish},
                       pool_layer{"p3"},
                       conv_layer{"c4", {16, 32, 64}, {1}}}};
}

chain_space with(chain_layer layer) { return chain_space({.layers = {std::move(layer)}}); }

}  // namespace

TEST_CASE("a chain keeps the promises of an elastic space") {
    const chain_space space(example());
    test::check_shipped(space, 60);
    CHECK(count_members(space).exact() == 2 * 2 * 3 * 3);
    REQUIRE(space.axes().size() == 4);
    CHECK(space.axes()[0].name == "c1.width");
    CHECK(space.axes()[2].name == "d2.kernel");
    CHECK(describe_member(space, space.largest()) ==
          "c1.width=16 c1.kernel=5 d2.kernel=7 c4.width=64");
}

TEST_CASE("a chain lowers to its layers in order") {
    const chain_space space(example());
    const network net = space.lower({{0, 0, 1, 2}});
    CHECK(net.at(net.find("c1")).type == image_type(8, 14, 14));
    CHECK(net.at(net.find("d2_act")).type == image_type(8, 14, 14));
    CHECK(net.at(net.find("p3")).type == image_type(8, 7, 7));
    CHECK(net.at(net.find("c4_act")).type == image_type(64, 7, 7));
    CHECK(net.at(net.find("logits")).type == vector_type(10));
    // c1: 9 weights x 8 channels x 14^2; d2: 25 x 8 x 14^2; c4: 8 x 64 x 7^2; classifier: 64 x 10
    CHECK(total_macs(net).value == 9 * 8 * 196 + 25 * 8 * 196 + 8 * 64 * 49 + 640);

    const auto& c1 = std::get<conv2d_op>(net.at(net.find("c1")).operation).weight;
    CHECK(c1.tensor == "c1.weight");
    CHECK(c1.full_shape == std::vector<std::int64_t>{16, 1, 5, 5});
    CHECK(shape_of(c1) == std::vector<std::int64_t>{8, 1, 3, 3});
}

TEST_CASE("an empty chain is a linear classifier") {
    const chain_space space({});
    CHECK(space.axes().empty());
    CHECK(total_macs(space.lower({})).value == 10);
}

TEST_CASE("a wrong chain is refused with the name of its layer") {
    using Catch::Contains;
    CHECK_THROWS_WITH(with(conv_layer{"bad", {}}), Contains("'bad'") && Contains("widths"));
    CHECK_THROWS_WITH(with(conv_layer{"bad", {8}, {2}}), Contains("'bad'") && Contains("kernels"));
    CHECK_THROWS_WITH(with(conv_layer{"bad", {8}, {3}, 0}), Contains("'bad'") && Contains("stride"));
    CHECK_THROWS_WITH(with(depthwise_layer{"bad", {5, 3}}), Contains("'bad'") && Contains("[5, 3]"));
    CHECK_THROWS_WITH(with(pool_layer{"bad", pooling::max, 0}), Contains("'bad'"));
    CHECK_THROWS_WITH(chain_space({.resolution = 1, .layers = {pool_layer{"bad"}}}),
                      Contains("'bad'") && Contains("does not fit"));
    CHECK_THROWS_WITH(with(conv_layer{"pool", {8}}), Contains("'pool'") && Contains("name"));
    auto spec = example();
    spec.classes = 0;
    CHECK_THROWS_WITH(chain_space(spec), Contains("classes"));
}
