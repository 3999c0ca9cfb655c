// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "lathe/network/network.hpp"

using namespace lathe;

TEST_CASE("the DOT picture shows layers, MACs, shapes and outputs") {
    network_builder b;
    const auto x = b.input("image", image_type(2, 4, 4));
    const auto c = b.add("c\"1\\", conv2d_op{whole("w", {3, 2, 1, 1}), {}, {1, 1}, {0, 0}, 1}, {x});
    const auto s = b.add("sum", add_op{}, {c, c});
    b.output(s, output_role::features);
    b.output(c, output_role::logits);
    CHECK(to_dot(std::move(b).build()) ==
          R"(digraph network {
  node [shape=box, fontname="sans-serif"];
  n0 [label="image\ninput"];
  n1 [label="c\"1\\\nconv2d\n96 MACs"];
  n0 -> n1 [label="f32[batch,2,4,4]"];
  n2 [label="sum\nadd"];
  n1 -> n2 [label="f32[batch,3,4,4]"];
  n1 -> n2 [label="f32[batch,3,4,4]"];
  out0 [label="features", shape=ellipse];
  n2 -> out0 [label="f32[batch,3,4,4]"];
  out1 [label="logits", shape=ellipse];
  n1 -> out1 [label="f32[batch,3,4,4]"];
}
)");
}
