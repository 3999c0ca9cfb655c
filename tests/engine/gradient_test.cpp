// SPDX-License-Identifier: Apache-2.0
// Gradients of the training pass against finite differences of the oracle, which computes in double.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "engine/finite_differences.hpp"
#include "lathe/core/error.hpp"

using namespace lathe;
using test::agreement;
using test::make_scalar;
using test::store;

TEST_CASE("gradients of random networks agree with finite differences") {
    agreement total;
    std::set<std::string> ops;
    training_pass pass(2);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const network net = reference::random_network(rng(seed, 3), 1 + static_cast<std::int64_t>(seed % 8));
        const auto s = make_scalar(net, 3, seed);
        store weights(net);
        const auto logits = s.pass(pass, weights.access());
        const auto expected = reference::run(net, weights.reader(), nullptr, s.batch, s.input);
        const auto& want = expected[static_cast<std::size_t>(net.outputs()[0].value)];
        for (std::size_t i = 0; i < want.size(); ++i) {
            CHECK(logits[i] == Approx(want[i]).epsilon(1e-3).margin(1e-3));
        }
        const auto a = compare_gradients(s, weights, rng(seed, 9));
        total.compared += a.compared;
        total.kinks += a.kinks;
        for (const auto& n : net.nodes()) ops.emplace(name_of(n.operation));
    }
    CHECK(total.compared > 600);
    CHECK(total.kinks < total.compared / 4);
    for (const auto* op : {"conv2d", "batch_norm", "activation", "add", "channel_gate", "pool",
                           "global_pool", "concat", "linear"}) {
        CHECK(ops.contains(op));
    }
}

TEST_CASE("softmax passes gradients on") {
    network_builder b;
    auto v = b.input("image", image_type(3, 4, 4));
    v = b.add("mean", global_pool_op{}, {v});
    v = b.add("first", linear_op{whole("a", {5, 3}), whole("ab", {5})}, {v});
    v = b.add("soft", softmax_op{}, {v});
    v = b.add("second", linear_op{whole("b", {4, 5}), whole("bb", {4})}, {v});
    b.output(v, output_role::logits);
    const network net = std::move(b).build();
    const auto s = make_scalar(net, 4, 1);
    store weights(net);
    training_pass pass(1);
    s.pass(pass, weights.access());
    CHECK(compare_gradients(s, weights, rng(1)).compared > 5);
}

TEST_CASE("gradients of layers as wide as those of mobile networks") {
    network_builder b;
    const auto pointwise = [&](const std::string& name, value_id in, std::int64_t to) {
        const std::int64_t from = b.type(in).dims[1].size();
        return b.add(name, conv2d_op{whole(name + ".w", {to, from, 1, 1}), {}}, {in});
    };
    auto v = b.input("image", image_type(16, 6, 6));
    v = pointwise("expand", v, 32);
    v = b.add("norm", batch_norm_op{whole("s", {32}), whole("t", {32})}, {v});
    v = b.add("act", activation_op{activation::hard_swish}, {v});
    v = pointwise("project", v, 48);
    v = b.add("mean", global_pool_op{}, {v});
    v = b.add("logits", linear_op{whole("l", {4, 48}), whole("lb", {4})}, {v});
    b.output(v, output_role::logits);
    const network net = std::move(b).build();
    const auto s = make_scalar(net, 3, 1);
    for (const int threads : {1, 2}) {
        store weights(net);
        training_pass pass(threads);
        s.pass(pass, weights.access());
        CHECK(compare_gradients(s, weights, rng(1)).compared > 12);
    }
}

TEST_CASE("two passes add their gradients, and one arena serves changing networks") {
    const network a = reference::random_network(rng(11), 6, reference::outputs::logits);
    const network b = reference::random_network(rng(12), 3, reference::outputs::logits);
    const auto s = make_scalar(a, 2, 5);
    const auto other = make_scalar(b, 2, 6);
    training_pass pass(1);
    store once(a), twice(a), scratch(b);
    s.pass(pass, once.access());
    other.pass(pass, scratch.access());
    s.pass(pass, twice.access());
    other.pass(pass, scratch.access());
    s.pass(pass, twice.access());
    for (auto& [name, t] : once.tensors()) {
        const auto& sum = twice.tensors().at(name).gradient;
        for (std::size_t i = 0; i < sum.size(); ++i) {
            CHECK(sum[i] == Approx(2.0 * t.gradient[i]).epsilon(1e-5).margin(1e-6));
        }
    }
    CHECK(pass.counters().primitives_reused > 0);
}

TEST_CASE("a pass once more on other images is a pass on them") {
    const network net = reference::random_network(rng(4, 3), 8);
    const auto one = make_scalar(net, 3, 1), other = make_scalar(net, 3, 2);
    const auto images =
        reference::channels_last(net.at(net.inputs()[0]).type, other.batch, other.input);
    store weights(net), expected_weights(net);
    training_pass pass(2), fresh(2);
    CHECK_THROWS_AS(pass.forward_again(images), error);
    (void)one.pass(pass, weights.access());
    CHECK_THROWS_AS(pass.forward_again(std::span(images).first(5)), error);
    const auto again = pass.forward_again(images);
    const auto expected = fresh.forward(net, expected_weights.access(), images, 3);
    CHECK(std::ranges::equal(again, expected));
    for (auto& [name, t] : weights.tensors()) std::ranges::fill(t.gradient, 0.0F);
    pass.backward(other.direction);
    fresh.backward(other.direction);
    for (const auto& [name, t] : weights.tensors()) {
        INFO(name);
        CHECK(t.gradient == expected_weights.tensors().at(name).gradient);
    }
}

TEST_CASE("only a complete training pass goes back, and once") {
    const network net = reference::random_network(rng(11), 4, reference::outputs::logits);
    const auto s = make_scalar(net, 2, 5);
    store weights(net);
    training_pass pass(1);
    s.pass(pass, weights.access());
    const auto images = reference::channels_last(net.at(net.inputs()[0]).type, s.batch, s.input);
    const std::vector<float> direction(pass.forward(net, weights.access(), images, 2).size(), 1.0F);
    pass.backward(direction);
    CHECK_THROWS_WITH(pass.backward(direction), Catch::Contains("without a training forward"));
    (void)pass.forward(net, weights.access(), images, 2);
    CHECK_THROWS_AS(pass.forward(net, weights.access(), images, 3), error);
    CHECK_THROWS_AS(pass.forward(net, weights.access(), {}, 0), error);
    CHECK_THROWS_WITH(pass.backward(direction), Catch::Contains("without a training forward"));
}

TEST_CASE("batch statistics are those of the oracle") {
    const network net = reference::random_network(rng(21), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 3, 2);
    store weights(net);
    training_pass pass(2);
    const auto images =
        reference::channels_last(net.at(net.inputs()[0]).type, s.batch, s.input);
    (void)pass.forward(net, weights.access(), images, 3, pass_kind::statistics);
    const auto expected = reference::batch_statistics(net, weights.reader(), s.batch, s.input);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        REQUIRE(pass.batch_statistics()[i].mean.size() == expected[i].mean.size());
        for (std::size_t c = 0; c < expected[i].mean.size(); ++c) {
            CHECK(pass.batch_statistics()[i].mean[c] ==
                  Approx(expected[i].mean[c]).epsilon(1e-3).margin(1e-4));
            CHECK(pass.batch_statistics()[i].variance[c] ==
                  Approx(expected[i].variance[c]).epsilon(1e-3).margin(1e-4));
        }
    }
}

TEST_CASE("the same pass gives the same bits") {
    const network net = reference::random_network(rng(31), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 4, 3);
    store first(net), second(net);
    training_pass one(2), two(2);
    s.pass(one, first.access());
    s.pass(two, second.access());
    for (auto& [name, t] : first.tensors()) {
        CHECK(t.gradient == second.tensors().at(name).gradient);
    }
}
