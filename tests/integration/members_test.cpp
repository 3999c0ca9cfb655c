// SPDX-License-Identifier: Apache-2.0
// Members of every space: the executor against ONNX Runtime and against the trainer.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "integration/spaces.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/search_space/members.hpp"
#include "lathe/supernet/weight_store.hpp"
#include "reference/layout.hpp"
#include "reference/onnx_judge.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

constexpr std::int64_t images = 7;

/// unit_weights() with norms and biases that let the image's share through dozens of layers.
weight_reader lively_weights() {
    return [unit = reference::unit_weights()](const param_ref& ref, std::span<float> out) {
        unit(ref, out);
        if (ref.full_shape.size() > 1) return;
        const bool scale = ref.tensor.ends_with(".scale");
        for (float& v : out) v = scale ? 1.0F + 0.3F * v : 0.2F * v;
    };
}

/// Noise whose channel means differ from image to image, because every network takes a mean at its
/// end. Channels first.
std::vector<float> lively_images(const network& net, const rng& random,
                                 std::int64_t count = images) {
    std::vector<float> values = reference::random_input(net, count, random.child("noise"));
    const auto& type = net.at(net.inputs()[0]).type;
    const auto planes = static_cast<std::size_t>(count * type.dims[1].size());
    rng tint = random.child("tint");
    for (std::size_t p = 0; p < planes; ++p) {
        const auto mean = static_cast<float>(2.0 * tint.normal());
        const auto area = values.size() / planes;
        for (float& v : std::span(values).subspan(p * area, area)) v += mean;
    }
    return values;
}

/// Logits of the executor for channels-last images, in calls of deployment::batch images.
std::vector<float> execute(const network& net, const weight_reader& weights,
                           const calibrated_statistics& statistics, std::span<const float> pixels,
                           const deployment& target) {
    executor run(net, weights, statistics, target);
    std::vector<float> logits;
    for (; !pixels.empty(); pixels = pixels.subspan(run.input().size())) {
        std::ranges::copy(pixels.first(run.input().size()), run.input().begin());
        run.run();
        const auto output = run.output();
        logits.insert(logits.end(), output.begin(), output.end());
    }
    return logits;
}

float largest(std::span<const float> values) {
    float most = 0.0F;
    for (const float v : values) most = std::max(most, std::abs(v));
    return most;
}

/// Largest difference between the logits of the first image and those of any other.
float spread(std::span<const float> logits) {
    const std::size_t classes = logits.size() / images;
    float most = 0.0F;
    for (std::size_t i = classes; i < logits.size(); ++i) {
        most = std::max(most, std::abs(logits[i] - logits[i % classes]));
    }
    return most;
}

/// Different members of the space for the judge; as many as wanted.
template <SearchSpace Space>
void add_members(reference::onnx_judge& judge, const std::string& name, const Space& space,
                 std::size_t wanted) {
    rng random(5);
    std::set<genotype> taken;
    while (taken.size() < wanted) {
        const genotype g = sample_member(space, random);
        if (!taken.insert(g).second) continue;
        const std::string member = name + "_" + to_string(g);
        INFO(member);
        const network net = space.lower(g);
        const auto weights = lively_weights();
        const rng own = random.child("member", taken.size());
        const auto statistics = reference::random_statistics(net, own.child("statistics"));
        const auto input = lively_images(net, own);
        const auto& type = net.at(net.inputs()[0]).type;
        const deployment target{.batch = taken.size() % 2 == 0 ? 1 : 7,
                                .threads = taken.size() % 3 == 0 ? 2 : 1};
        const auto logits = execute(net, weights, statistics,
                                    reference::channels_last(type, images, input), target);
        // Logits that hardly depend on the image would agree whatever the layers compute.
        CHECK(spread(logits) > 0.05F * std::max(1.0F, largest(logits)));
        judge.add(member, to_onnx(net, weights, statistics), input, logits);
    }
}

/// A store whose norms and biases are as random as its weights.
weight_store random_store(const network& net) {
    weight_store store(1);
    store.add(net);
    for (auto& [name, tensor] : store.tensors()) {
        lively_weights()(whole(name, tensor.shape), tensor.value);
    }
    return store;
}

template <SearchSpace Space>
void check_against_trainer(const std::string& name, const Space& space, std::uint64_t members) {
    rng random(6);
    training_pass pass(2);
    for (std::uint64_t i = 0; i < members; ++i) {
        const genotype g = sample_member(space, random);
        INFO(name << " " << to_string(g));
        const network net = space.lower(g);
        weight_store store = random_store(net);
        const auto& type = net.at(net.inputs()[0]).type;
        const auto pixels =
            reference::channels_last(type, images, lively_images(net, random.child("member", i)));
        const auto trained =
            pass.forward(net, store.access(), pixels, images, pass_kind::statistics);
        const std::vector<float> expected(trained.begin(), trained.end());
        const calibrated_statistics statistics(net, element_type::f32, 1, pass.batch_statistics());
        const auto logits = execute(net, store.reader(), statistics, pixels,
                                    {.batch = static_cast<std::int32_t>(images)});
        REQUIRE(logits.size() == expected.size());
        CHECK(spread(expected) > 0.05F * largest(expected));
        float worst = 0.0F;
        for (std::size_t k = 0; k < logits.size(); ++k) {
            worst = std::max(worst, std::abs(logits[k] - expected[k]));
        }
        CHECK(worst <= 1e-4F * largest(expected));
    }
}

/// Calls of several images against calls of one, which know no tiles. Adds to `tiles_seen` into how
/// many tiles the batches were cut.
template <SearchSpace Space>
void check_batches(const std::string& name, const Space& space,
                   std::set<std::int32_t>& tiles_seen) {
    constexpr std::int64_t largest_batch = 64;
    rng random(7);
    for (int member = 0; member < 2; ++member) {
        const genotype g = sample_member(space, random);
        const network net = space.lower(g);
        const auto weights = lively_weights();
        const auto statistics = reference::random_statistics(net, random.child(name));
        const auto& type = net.at(net.inputs()[0]).type;
        const auto pixels = reference::channels_last(
            type, largest_batch, lively_images(net, random.child("images"), largest_batch));
        const auto expected = execute(net, weights, statistics, pixels, {});
        for (const std::int32_t batch : {1, 2, 3, 7, 16, 64}) {
            for (const std::int32_t threads : {1, 2}) {
                INFO(name << " " << to_string(g) << ", batch " << batch << ", threads " << threads);
                const deployment target{.batch = batch, .threads = threads};
                tiles_seen.insert(compile(net, target).tiles());
                const auto count = static_cast<std::size_t>(batch);
                const auto logits =
                    execute(net, weights, statistics,
                            std::span(pixels).first(pixels.size() / largest_batch * count), target);
                REQUIRE(logits.size() == expected.size() / largest_batch * count);
                float worst = 0.0F;
                for (std::size_t k = 0; k < logits.size(); ++k) {
                    worst = std::max(worst, std::abs(logits[k] - expected[k]));
                }
                CHECK(worst <= 1e-4F * largest(expected));
            }
        }
    }
}

}  // namespace

TEST_CASE("ONNX Runtime computes what the executor computes, for members of every space") {
    if (!reference::onnx_judge::available()) {
        WARN("skipped: there is no " << reference::onnx_judge::python()
                                     << " with onnxruntime; tests/run.sh makes it");
        return;
    }
    reference::onnx_judge judge("onnx_members");
    add_members(judge, "mobile28", mobile_space(mobile28()), 50);
    add_members(judge, "mobile32", mobile_space(mobile32()), 50);
    add_members(judge, "cell", cell_space(), 50);
    add_members(judge, "chain", test::varied_chain(), 50);
    add_members(judge, "gated", test::gated_mobile(), 50);
    const auto verdict = judge.ask();
    INFO(verdict.text);
    CHECK(verdict.all_agree);
    CHECK(verdict.text == "250 of 250 agree\n");
}

TEST_CASE("with the statistics of a batch, the executor computes what the trainer does with it") {
    check_against_trainer("mobile28", mobile_space(mobile28()), 50);
    check_against_trainer("mobile32", mobile_space(mobile32()), 50);
    check_against_trainer("cell", cell_space(), 50);
    check_against_trainer("chain", test::varied_chain(), 50);
    check_against_trainer("gated", test::gated_mobile(), 50);
}

TEST_CASE("a batch gives what its images give one by one, for members of every space") {
    std::set<std::int32_t> tiles;
    check_batches("mobile28", mobile_space(mobile28()), tiles);
    check_batches("mobile32", mobile_space(mobile32()), tiles);
    check_batches("cell", cell_space(), tiles);
    check_batches("chain", test::varied_chain(), tiles);
    check_batches("gated", test::gated_mobile(), tiles);
    CHECK(tiles.contains(1));
    CHECK(tiles.contains(7));
    CHECK(tiles.size() >= 4);
}
