// SPDX-License-Identifier: Apache-2.0
// Every op of the table, and every variation of it, through the facets that the engine and the
// export add: execution, training with both gradients, ONNX.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

#include "engine/finite_differences.hpp"
#include "lathe/engine/executor.hpp"
#include "network/op_table.hpp"
#include "reference/onnx_judge.hpp"

using namespace lathe;

namespace {

constexpr std::int64_t images = 7;  // as many as the judge needs

/// A value of the wanted type made of the image: itself, other channels, or a vector.
value_id adapt(network_builder& b, value_id image, const tensor_type& wanted,
               const std::string& name) {
    if (b.type(image) == wanted) return image;
    const std::int64_t from = b.type(image).dims[1].size();
    const std::int64_t to = wanted.dims[1].size();
    if (wanted.dims.size() == 4) {
        return b.add(name, conv2d_op{whole(name + ".w", {to, from, 1, 1}), {}}, {image});
    }
    const auto mean = b.add(name + "_mean", global_pool_op{}, {image});
    return b.add(name, linear_op{whole(name + ".w", {to, from}), whole(name + ".b", {to})}, {mean});
}

/// The op between an image and logits; parameters in front of it and behind it let both of its
/// gradients be seen.
network around(const testing::op_case& c, const op& operation) {
    network_builder b;
    const auto image = b.input("image", image_type(8, 7, 5));
    const auto front = b.add("front", conv2d_op{whole("front.w", {8, 8, 1, 1}), {}}, {image});
    std::vector<value_id> inputs;
    for (const auto& type : c.inputs) {
        inputs.push_back(adapt(b, front, type, "in" + std::to_string(inputs.size())));
    }
    auto x = inputs.empty() ? front : b.add("op", operation, inputs);
    if (b.type(x).dims.size() == 4) x = b.add("mean", global_pool_op{}, {x});
    const std::int64_t features = b.type(x).dims[1].size();
    x = b.add("logits", linear_op{whole("l.w", {4, features}), whole("l.b", {4})}, {x});
    b.output(x, output_role::logits);
    return std::move(b).build();
}

struct facet_case {
    std::string name;
    network net;
};

std::vector<facet_case> cases() {
    std::vector<facet_case> all;
    for (const auto& c : testing::op_table()) {
        all.push_back({c.name, around(c, c.operation)});
        if (c.inputs.empty()) continue;  // other inputs are other networks
        for (const op& variation : c.variations) {
            // a kernel of another shape has other weights
            const auto* conv = std::get_if<conv2d_op>(&variation);
            if (conv != nullptr && conv->groups != 2) continue;
            all.push_back({c.name + std::to_string(all.size()), around(c, variation)});
        }
    }
    return all;
}

std::vector<double> logits_of(const network& net, const std::vector<std::vector<double>>& values) {
    return values[static_cast<std::size_t>(net.outputs()[0].value)];
}

}  // namespace

TEST_CASE("every op is in a network of the cases") {
    std::set<std::size_t> seen;
    for (const auto& c : cases()) {
        for (const auto& n : c.net.nodes()) seen.insert(n.operation.index());
    }
    CHECK(seen.size() == std::variant_size_v<op>);
}

TEST_CASE(
    "every op is executed as the oracle computes it, and exported so that ONNX Runtime does") {
    reference::onnx_judge judge("onnx_ops");
    for (const auto& c : cases()) {
        INFO(c.name);
        const auto statistics = reference::random_statistics(c.net, rng(1));
        const auto weights = reference::unit_weights();
        const auto input = reference::random_input(c.net, images, rng(2));
        const auto expected =
            logits_of(c.net, reference::run(c.net, weights, statistics, images, input));
        executor run(c.net, weights, statistics, {.batch = images});
        std::ranges::copy(reference::channels_last(c.net.at(c.net.inputs()[0]).type, images, input),
                          run.input().begin());
        run.run();
        REQUIRE(run.output().size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(run.output()[i] == Approx(expected[i]).epsilon(1e-4).margin(1e-4));
        }
        judge.add(c.name, to_onnx(c.net, weights, statistics), input, run.output());
    }
    if (!reference::onnx_judge::available()) {
        WARN("ONNX Runtime is not asked: there is no " << reference::onnx_judge::python());
        return;
    }
    const auto verdict = judge.ask();
    INFO(verdict.text);
    CHECK(verdict.all_agree);
}

TEST_CASE("every op passes gradients on, to its parameters and to what it reads") {
    training_pass pass(2);
    for (const auto& c : cases()) {
        INFO(c.name);
        const auto s = test::make_scalar(c.net, images, 4);
        test::store weights(c.net);
        const auto logits = s.pass(pass, weights.access());
        const auto expected =
            logits_of(c.net, reference::run(c.net, weights.reader(), nullptr, images, s.input));
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(logits[i] == Approx(expected[i]).epsilon(1e-3).margin(1e-3));
        }
        const auto a = test::compare_gradients(s, weights, rng(5));
        CHECK(a.compared > a.kinks);
        for (const auto& [name, tensor] : weights.tensors()) {
            INFO(name);
            CHECK(std::ranges::any_of(tensor.gradient, [](float g) { return g != 0.0F; }));
        }
    }
}
