// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime as the outside judge of the export and of the reference interpreter.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "reference/interpreter.hpp"
#include "reference/onnx_judge.hpp"
#include "reference/random_network.hpp"

using namespace lathe;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t images = 14;

std::vector<double> softmax(std::vector<double> logits, std::int64_t classes) {
    const auto step = static_cast<std::size_t>(classes);
    for (std::size_t first = 0; first < logits.size(); first += step) {
        double sum = 0.0;
        for (std::size_t k = first; k < first + step; ++k) sum += std::exp(logits[k]);
        for (std::size_t k = first; k < first + step; ++k) logits[k] = std::exp(logits[k]) / sum;
    }
    return logits;
}

/// The network's outputs one after the other, as the reference computes them.
std::vector<float> expected_outputs(const network& net, const calibrated_statistics& statistics,
                                    const std::vector<float>& input, const onnx_options& options) {
    const auto values = reference::run(net, reference::unit_weights(), statistics, images, input);
    std::vector<float> expected;
    for (const network_output& output : net.outputs()) {
        auto value = values.at(static_cast<std::size_t>(output.value));
        if (options.softmax_head && output.role == output_role::logits) {
            value = softmax(std::move(value), net.at(output.value).type.dims[1].size());
        }
        expected.insert(expected.end(), value.begin(), value.end());
    }
    return expected;
}

/// Cases for the judge, and what the networks in them have covered.
struct corpus {
    reference::onnx_judge judge{"onnx_agreement"};
    std::set<std::size_t> ops;
    std::set<activation> activations;
    std::set<pooling> pools;

    fs::path add(const std::string& name, const network& net, const onnx_options& options,
                 const rng& random) {
        const auto statistics = reference::random_statistics(net, random.child("statistics"));
        const auto input = reference::random_input(net, images, random.child("input"));
        for (const node& n : net.nodes()) {
            ops.insert(n.operation.index());
            const op& o = n.operation;
            if (const auto* a = std::get_if<activation_op>(&o)) activations.insert(a->kind);
            if (const auto* p = std::get_if<pool_op>(&o)) pools.insert(p->kind);
        }
        return judge.add(name, to_onnx(net, reference::unit_weights(), statistics, options), input,
                         expected_outputs(net, statistics, input, options));
    }
};

/// Two inputs, of which one is also an output.
network two_inputs() {
    network_builder b;
    const auto left = b.input("left", image_type(2, 5, 3));
    const auto right = b.input("right", image_type(2, 5, 3));
    const auto sum = b.add("sum", add_op{}, {left, right});
    b.output(sum, output_role::features);
    b.output(right, output_role::features);
    return std::move(b).build();
}

/// Layers named as the export would name what it makes up for them.
network awkward_names() {
    network_builder b;
    const auto in = b.input("conv_weight", image_type(3, 5, 5));
    conv2d_op conv;
    conv.weight = whole("w", {4, 3, 3, 3});
    const auto c = b.add("conv", conv, {in});
    const auto swish = b.add("six", activation_op{activation::swish}, {c});
    const auto gelu = b.add("six_", activation_op{activation::gelu}, {swish});
    const auto clip = b.add("six_gate", activation_op{activation::relu6}, {gelu});
    b.output(b.add("six_gate_mean", global_pool_op{}, {clip}), output_role::logits);
    return std::move(b).build();
}

/// A convolution that cannot take in its batch norm, because its own result is an output.
network convolution_as_output() {
    network_builder b;
    const auto in = b.input("image", image_type(3, 5, 5));
    conv2d_op conv;
    conv.weight = whole("w", {4, 3, 3, 3});
    const auto c = b.add("conv", conv, {in});
    b.output(c, output_role::features);
    b.output(b.add("norm", batch_norm_op{whole("scale", {4}), whole("shift", {4})}, {c}),
             output_role::features);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("ONNX Runtime agrees with the reference on random networks") {
    if (!reference::onnx_judge::available()) {
        WARN("skipped: there is no " << reference::onnx_judge::python()
                                     << " with onnxruntime; tests/run.sh makes it");
        return;
    }
    corpus cases;
    const rng seed(20);
    for (std::uint64_t i = 0; i < 60; ++i) {
        const rng random = seed.child("network", i);
        const auto net = reference::random_network(random, static_cast<std::int64_t>(1 + i % 12));
        onnx_options options;
        options.fold_batch_norm = i % 3 != 0;
        options.softmax_head = i % 4 == 1;
        cases.add("random" + std::to_string(i), net, options, random);
    }
    cases.add("two_inputs", two_inputs(), {}, seed);
    cases.add("awkward_names", awkward_names(), {.softmax_head = true}, seed);
    cases.add("convolution_as_output", convolution_as_output(), {}, seed);
    CHECK(cases.ops.size() == std::variant_size_v<op>);
    CHECK(cases.activations.size() == 5);
    CHECK(cases.pools.size() == 2);

    // The judge itself must be able to say no.
    const fs::path wrong = cases.add("wrong", two_inputs(), {}, seed) / "expected.bin";
    std::fstream file(wrong, std::ios::binary | std::ios::in | std::ios::out);
    float value = 0.0F;
    file.read(reinterpret_cast<char*>(&value), sizeof value);
    value += 2e-3F;
    file.seekp(0);
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
    file.close();

    const auto verdict = cases.judge.ask();
    INFO(verdict.text);
    CHECK_FALSE(verdict.all_agree);
    CHECK(verdict.text.find("wrong: ValueError: sum differs by 0.002") == 0);
    const int count = cases.judge.count();
    CHECK(verdict.text.find("\n" + std::to_string(count - 1) + " of " + std::to_string(count) +
                            " agree") != std::string::npos);
}
