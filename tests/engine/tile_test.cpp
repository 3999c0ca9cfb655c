// SPDX-License-Identifier: Apache-2.0
// A batch that goes through the network tile by tile gives what its images give one by one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/check_gaps.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

/// Channels last; the batch-1 executor decides, so any values will do.
std::vector<float> random_images(const network& net, std::int64_t batch, std::uint64_t seed) {
    return reference::random_input(net, batch, rng(seed, 1));
}

/// Each output of every image, from calls of one image.
std::vector<std::vector<float>> one_by_one(const network& net,
                                           const calibrated_statistics& statistics,
                                           std::span<const float> images) {
    executor run(net, reference::unit_weights(), statistics, {});
    std::vector<std::vector<float>> outputs(net.outputs().size());
    const std::size_t size = run.input().size();
    for (; !images.empty(); images = images.subspan(size)) {
        std::ranges::copy(images.first(size), run.input().begin());
        run.run();
        for (std::size_t o = 0; o < outputs.size(); ++o) {
            outputs[o].insert(outputs[o].end(), run.output(o).begin(), run.output(o).end());
        }
    }
    return outputs;
}

/// Largest difference over all outputs, relative to max(1, largest value).
double difference(const executor& run, const std::vector<std::vector<float>>& expected) {
    double worst = 0.0;
    for (std::size_t o = 0; o < expected.size(); ++o) {
        const auto got = run.output(o);
        REQUIRE(got.size() == expected[o].size());
        double scale = 1.0;
        for (const float v : expected[o]) scale = std::max(scale, std::abs(double{v}));
        for (std::size_t i = 0; i < got.size(); ++i) {
            worst = std::max(worst, std::abs(double{got[i]} - double{expected[o][i]}) / scale);
        }
    }
    return worst;
}

/// 96 x 96 images, too large for two of them at a time.
network large_images() {
    network_builder b;
    auto x = b.input("image", image_type(3, 96, 96));
    conv2d_op conv{whole("stem", {16, 3, 3, 3}), {}};
    conv.padding = {1, 1};
    x = b.add("stem", conv, {x});
    x = b.add("act", activation_op{}, {x});
    x = b.add("wide", conv2d_op{whole("wide", {24, 16, 1, 1}), {}}, {x});
    x = b.add("mean", global_pool_op{}, {x});
    x = b.add("logits", linear_op{whole("w", {10, 24}), whole("b", {10})}, {x});
    b.output(x, output_role::logits);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("random networks compute in tiles what they compute image by image") {
    std::size_t in_tiles = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const network net =
            reference::random_network(rng(seed, 9), 1 + static_cast<std::int64_t>(seed % 9));
        // 1009 is prime: tiles of one image.
        const deployment target{.batch = seed % 3 == 0 ? 1009 : 1008,
                                .threads = seed % 2 == 0 ? 1 : 2};
        const auto statistics = reference::random_statistics(net, rng(seed));
        const program plan = compile(net, target);
        in_tiles += plan.tiles() > 1 ? 1 : 0;
        guarded_memory memory(static_cast<std::size_t>(plan.plan.arena_bytes));
        executor run(net, reference::unit_weights(), statistics, target, memory.bytes());
        std::ranges::fill(memory.bytes(), poison);
        // A second run finds every buffer dirty.
        for (const std::uint64_t images_seed : {seed, seed + 1000}) {
            const auto images = random_images(net, target.batch, images_seed);
            const auto expected = one_by_one(net, statistics, images);
            REQUIRE(run.input().size() == images.size());
            std::ranges::copy(images, run.input().begin());
            run.run();
            CHECK(difference(run, expected) < 1e-4);
            check_gaps(plan, memory.bytes());
        }
    }
    CHECK(in_tiles >= 30);
}

TEST_CASE("an arena in tiles holds the whole input and output and one tile of all else") {
    const network net = large_images();
    const program one = compile(net, {});
    const program many = compile(net, {.batch = 7});
    CHECK(one.tile == 1);
    REQUIRE(many.tile == 1);
    REQUIRE(many.buffers.size() == one.buffers.size());
    for (std::size_t b = 0; b < one.buffers.size(); ++b) {
        const bool whole = many.buffers[b].kind == buffer_kind::input ||
                           many.buffers[b].kind == buffer_kind::output;
        CHECK(many.buffers[b].bytes == one.buffers[b].bytes * (whole ? 7 : 1));
        if (!whole) continue;
        CHECK(many.buffers[b].first_step == 0);
        CHECK(many.buffers[b].last_step == static_cast<std::int32_t>(many.steps.size()) - 1);
    }
    CHECK(many.weight_bytes == one.weight_bytes);
    CHECK(many.arena_bytes().value < 2 * one.arena_bytes().value);
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
        CHECK(many.steps[i].operation == one.steps[i].operation);
        CHECK(many.steps[i].macs.value == 7 * one.steps[i].macs.value);
        CHECK(many.steps[i].traffic.value == 7 * one.steps[i].traffic.value);
    }
}

TEST_CASE("streams run their own batches in tiles") {
    const network net = large_images();
    const auto statistics = reference::random_statistics(net, rng(3));
    executor first(net, reference::unit_weights(), statistics, {.batch = 4});
    executor second = first.stream();
    REQUIRE(first.plan().tiles() > 1);
    std::uint64_t seed = 1;
    for (executor* run : {&first, &second}) {
        std::ranges::copy(random_images(net, 4, seed++), run->input().begin());
    }
    first.run();
    second.run();
    CHECK(difference(first, one_by_one(net, statistics, random_images(net, 4, 1))) < 1e-4);
    CHECK(difference(second, one_by_one(net, statistics, random_images(net, 4, 2))) < 1e-4);
}

TEST_CASE("step times are of all tiles, and timing computes every one") {
    using clock = std::chrono::steady_clock;
    const network net = large_images();
    const auto statistics = reference::random_statistics(net, rng(4));
    executor run(net, reference::unit_weights(), statistics, {.batch = 16});
    REQUIRE(run.plan().tiles() >= 8);
    const auto images = random_images(net, 16, 1);
    std::ranges::copy(images, run.input().begin());
    const auto start = clock::now();
    const auto times = run.time_steps(1);
    const double elapsed = std::chrono::duration<double, std::nano>(clock::now() - start).count();
    double sum = 0.0;
    for (const auto t : times) sum += t.value;
    CHECK(sum <= elapsed);
    CHECK(sum > 0.5 * elapsed);
    CHECK(difference(run, one_by_one(net, statistics, images)) < 1e-4);
}
