// SPDX-License-Identifier: Apache-2.0
// What a call takes from the heap, counted by replacing the allocator of this program.
#include <catch2/catch.hpp>

#include "engine/heap_of_call.hpp"
#include "lathe/engine/compile.hpp"

using namespace lathe;
using test::heap_of_call;

namespace {

/// Every layer that runs without oneDNN, on square images of 8 channels.
network own_kernels(std::int64_t size) {
    network_builder b;
    auto x = b.input("image", image_type(8, size, size));
    conv2d_op conv{whole("k", {8, 8, 3, 3}), {}};
    conv.padding = {1, 1};
    x = b.add("conv", conv, {x});
    conv2d_op depthwise{whole("d3", {8, 1, 3, 3}), {}};
    depthwise.padding = {1, 1};
    depthwise.groups = 8;
    x = b.add("depthwise", depthwise, {x});
    pool_op pool{pooling::max, {3, 3}, {1, 1}, {1, 1}};
    x = b.add("pool", pool, {x});
    x = b.add("norm", batch_norm_op{whole("s", {8}), whole("t", {8})}, {x});
    auto y = b.add("act", activation_op{activation::hard_swish}, {x});
    y = b.add("gate", channel_gate_op{whole("a", {4, 8}), whole("b", {4}), whole("c", {8, 4}),
                                      whole("d", {8})},
              {y});
    x = b.add("sum", add_op{}, {x, y});
    x = b.add("both", concat_op{}, {x, y});
    x = b.add("mean", global_pool_op{}, {x});
    x = b.add("linear", linear_op{whole("l", {5, 16}), whole("lb", {5})}, {x});
    x = b.add("soft", softmax_op{}, {x});
    b.output(x, output_role::probabilities);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("a call of our own kernels takes nothing from the heap") {
    if (!can_count_heap) {
        WARN("skipped: the sanitizer has an allocator of its own");
        return;
    }
    CHECK(heap_of_call(own_kernels(6)).bytes == 0);
    const deployment batch{.batch = 16};
    const network large = own_kernels(96);
    REQUIRE(compile(large, batch).tiles() > 1);
    CHECK(heap_of_call(large, batch).bytes == 0);
}

// oneDNN builds a table of arguments on the heap in every execute() and frees it before it returns;
// its interface has no way around that. docs/engine.md says which layers it still executes.
TEST_CASE("a call of oneDNN's kernels returns all it takes, and takes little") {
    if (!can_count_heap) {
        WARN("skipped: the sanitizer has an allocator of its own");
        return;
    }
    network_builder b;
    auto x = b.input("image", image_type(8, 12, 12));
    conv2d_op grouped{whole("w", {16, 4, 3, 3}), {}};
    grouped.groups = 2;
    grouped.padding = {1, 1};
    x = b.add("grouped", grouped, {x});
    b.output(x, output_role::features);
    const network net = std::move(b).build();
    const heap_use t = heap_of_call(net);
    CHECK(t.bytes > 0);
    CHECK(t.bytes < 2048);
    CHECK(t.retained == 0);

    // What a kernel takes depends on its shape, so a batch of tiles is compared with one tile.
    const deployment batch{.batch = 1024};
    const program tiled = compile(net, batch);
    REQUIRE(tiled.tiles() > 1);
    const heap_use one = heap_of_call(net, {.batch = tiled.tile});
    const heap_use all = heap_of_call(net, batch);
    CHECK(all.retained == 0);
    CHECK(all.blocks == static_cast<std::size_t>(tiled.tiles()) * one.blocks);
}
