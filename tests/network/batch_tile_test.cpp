// SPDX-License-Identifier: Apache-2.0
#include "network/batch_tile.hpp"

#include <catch2/catch.hpp>

#include "reference/random_network.hpp"

using namespace lathe;

namespace {

/// Square images of 4 channels and a layer that makes 12: 64 bytes a pixel are alive at once.
network sixteen_floats_a_pixel(std::int64_t size) {
    network_builder b;
    auto x = b.input("image", image_type(4, size, size));
    x = b.add("conv", conv2d_op{whole("w", {12, 4, 1, 1}), {}}, {x});
    x = b.add("mean", global_pool_op{}, {x});
    b.output(x, output_role::logits);
    return std::move(b).build();
}

std::int32_t tile(const network& net, std::int32_t batch, std::int32_t threads = 1) {
    return detail::batch_tile(net, {.batch = batch, .threads = threads});
}

}  // namespace

TEST_CASE("a tile is the largest divisor of the batch that fits, with an image for each thread") {
    const network net = sixteen_floats_a_pixel(64);
    REQUIRE(compile_lower_bound(net, {}).plan.lower_bound * 4 == detail::tile_bytes);
    CHECK(tile(net, 1) == 1);
    CHECK(tile(net, 3) == 3);
    CHECK(tile(net, 4) == 4);
    CHECK(tile(net, 5) == 1);
    CHECK(tile(net, 7) == 1);
    CHECK(tile(net, 10) == 2);
    CHECK(tile(net, 16) == 4);
    CHECK(tile(net, 64) == 4);
    // every thread brings a cache of its own
    CHECK(tile(net, 16, 2) == 8);
    CHECK(tile(net, 7, 2) == 7);
    CHECK(tile(net, 11, 2) == 11);
    CHECK(tile(net, 14, 2) == 7);
    CHECK(tile(net, 4, 8) == 4);

    const network larger_than_the_cache = sixteen_floats_a_pixel(256);
    CHECK(tile(larger_than_the_cache, 16) == 1);
    CHECK(tile(larger_than_the_cache, 16, 2) == 2);
    CHECK(tile(larger_than_the_cache, 9, 2) == 3);
    CHECK(tile(larger_than_the_cache, 7, 2) == 7);
}

TEST_CASE("a program in tiles plans whole inputs and outputs beside one tile") {
    const network net = sixteen_floats_a_pixel(64);
    const program p = compile_lower_bound(net, {.batch = 16, .streams = 2});
    REQUIRE(p.tile == 4);
    CHECK(p.tiles() == 4);
    constexpr std::int64_t pixels = 64 * 64;
    constexpr std::int64_t input = 16 * 4 * pixels * 4, output = 16 * 12 * 4;
    constexpr std::int64_t hidden = 4 * 12 * pixels * 4;
    REQUIRE(p.buffers.size() == 3);
    CHECK(p.buffers[0].bytes == input);
    CHECK(p.buffers[1].bytes == hidden);
    CHECK(p.buffers[2].bytes == output);
    CHECK(p.buffers[0].last_step == 1);
    CHECK(p.buffers[2].first_step == 0);
    CHECK(p.arena_bytes().value == input + hidden + output);
    CHECK(p.peak_memory().value == p.weight_bytes.value + 2 * p.arena_bytes().value);
    CHECK(p.steps[0].operation == "conv2d b4 i4x64x64 o12 k1x1 s1x1 p0x0 g1");
    CHECK(p.steps[0].macs.value == 16 * 12 * 4 * pixels);
    // four tiles read the weights
    CHECK(p.steps[0].traffic.value == 16 * (4 + 12) * pixels * 4 + 4 * 12 * 4 * 4);
}

TEST_CASE("batches of random networks are cut into whole tiles") {
    for (std::uint64_t i = 0; i < 40; ++i) {
        const network net = reference::random_network(rng(52, i), 15);
        const auto bytes = compile_lower_bound(net, {}).plan.lower_bound;
        for (const std::int32_t batch : {2, 7, 60, 97, 720}) {
            for (const std::int32_t threads : {1, 2, 5}) {
                CAPTURE(i, batch, threads, bytes);
                const std::int32_t images = tile(net, batch, threads);
                CHECK(batch % images == 0);
                CHECK(images >= std::min(threads, batch));
                // Larger divisors are too large; this one is not, or nothing smaller is left.
                for (std::int32_t more = images + 1; more <= batch; ++more) {
                    if (batch % more == 0) CHECK(more * bytes > detail::tile_bytes * threads);
                }
                for (std::int32_t less = threads; less < images; ++less) {
                    if (batch % less == 0) CHECK(images * bytes <= detail::tile_bytes * threads);
                }
            }
        }
    }
}
