// SPDX-License-Identifier: Apache-2.0
// Layers that normalize, activate and convolve chunk by chunk against the same layers one by one: a
// convolution with a bias is trained alone, and a bias of zero changes nothing.
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/scalar_network.hpp"

using namespace lathe;
using test::make_scalar;
using test::scalar_network;
using test::store;

namespace {

struct block_shape {
    std::int64_t in, hidden, out, kernel, stride, size;
    activation act;
};

enum class layers : std::uint8_t { fused, alone };

/// stem -> expand -> depthwise -> project (+ input) -> expand -> depthwise -> mean -> logits; what
/// is read once, what is read twice, and norms with and without an activation.
network block(const block_shape& s, layers how) {
    network_builder b;
    const auto conv_norm = [&](const std::string& name, value_id x, std::int64_t to, std::int64_t k,
                               std::int64_t stride, std::int64_t groups) {
        const std::int64_t from = b.type(x).dims[1].size();
        conv2d_op conv{whole(name + ".w", {to, from / groups, k, k}), {}};
        if (how == layers::alone) conv.bias = whole(name + ".zero", {to});
        conv.stride = {stride, stride};
        conv.padding = {k / 2, k / 2};
        conv.groups = groups;
        x = b.add(name, conv, {x});
        return b.add(name + "_norm",
                     batch_norm_op{whole(name + ".s", {to}), whole(name + ".t", {to})}, {x});
    };
    const auto act = [&](value_id x) {
        return b.add("act" + std::to_string(x), activation_op{s.act}, {x});
    };
    auto x = b.input("image", image_type(3, s.size, s.size));
    x = act(conv_norm("stem", x, s.in, 3, 1, 1));
    auto y = act(conv_norm("expand", x, s.hidden, 1, 1, 1));
    y = act(conv_norm("depthwise", y, s.hidden, s.kernel, s.stride, s.hidden));
    y = conv_norm("project", y, s.out, 1, 1, 1);
    if (s.stride == 1 && s.in == s.out) y = b.add("sum", add_op{}, {x, y});
    y = conv_norm("expand2", y, s.hidden, 1, 1, 1);
    y = act(conv_norm("depthwise2", y, s.hidden, s.kernel, 1, s.hidden));
    y = b.add("mean", global_pool_op{}, {y});
    y = b.add("logits", linear_op{whole("l", {10, s.hidden}), whole("lb", {10})}, {y});
    b.output(y, output_role::logits);
    return std::move(b).build();
}

const std::vector<block_shape> shapes{
    {16, 48, 16, 3, 1, 9, activation::relu},
    {16, 48, 24, 5, 2, 12, activation::relu},
    {8, 20, 8, 7, 1, 8, activation::hard_swish},
    {32, 96, 32, 7, 2, 7, activation::relu6},
    {5, 7, 5, 3, 1, 6, activation::swish},
    {64, 256, 64, 5, 1, 4, activation::relu},
    // Expansions so wide that they are one layer with the depthwise convolution for 16 images.
    {16, 128, 16, 3, 1, 32, activation::relu},
    {24, 136, 24, 5, 2, 32, activation::hard_swish},
    {20, 140, 12, 7, 1, 30, activation::relu6},
};

void set_biases_to_zero(store& weights) {
    for (auto& [name, t] : weights.tensors()) {
        if (name.ends_with(".zero")) std::ranges::fill(t.value, 0.0F);
    }
}

double largest(const std::vector<float>& values) {
    double most = 0.0;
    for (const float v : values) most = std::max(most, std::abs(double{v}));
    return most;
}

/// Largest difference as a share of the largest value of `expected`, or of `floor` if that is
/// larger.
double apart(const std::vector<float>& got, const std::vector<float>& expected,
             double floor = 1e-3) {
    REQUIRE(got.size() == expected.size());
    double difference = 0.0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        difference = std::max(difference, std::abs(double{got[i]} - double{expected[i]}));
    }
    return difference / std::max(floor, largest(expected));
}

/// Some gradients are zero but for rounding, such as those of a shift that the next norm takes
/// away.
double gradient_floor(store& weights) {
    double most = 0.0;
    for (const auto& [name, t] : weights.tensors()) most = std::max(most, largest(t.gradient));
    return 0.02 * most;
}

struct bounds {
    double logits, gradient;
};
constexpr bounds in_float{2e-5, 2e-3};
constexpr bounds in_bf16{0.03, 0.1};

void check_same(const network& fused, const network& alone, std::int64_t batch, int threads,
                precision images, const bounds& bound) {
    CAPTURE(threads, batch);
    const auto s = make_scalar(fused, batch, 7);
    const scalar_network one_by_one{alone, batch, s.input, s.direction};
    store of_fused(fused), of_alone(alone);
    set_biases_to_zero(of_alone);
    training_pass pass(threads, images), plain(threads, images);
    const auto logits = s.pass(pass, of_fused.access());
    CHECK(apart(logits, one_by_one.pass(plain, of_alone.access())) < bound.logits);
    const double floor = gradient_floor(of_alone);
    for (const auto& [name, t] : of_fused.tensors()) {
        INFO(name);
        CHECK(apart(t.gradient, of_alone.tensors().at(name).gradient, floor) < bound.gradient);
    }
}

void check_same(const block_shape& shape, std::int64_t batch, int threads, precision images,
                const bounds& bound) {
    CAPTURE(shape.kernel, shape.stride, shape.hidden);
    check_same(block(shape, layers::fused), block(shape, layers::alone), batch, threads, images,
               bound);
}

void check_same(precision images, const bounds& bound) {
    for (const auto& shape : shapes) {
        for (const int threads : {1, 2, 3}) {
            for (const std::int64_t batch : {1, 6, 16}) {
                check_same(shape, batch, threads, images, bound);
            }
        }
    }
}

std::int64_t arena_bytes(const network& net, std::int64_t batch, precision images) {
    const auto s = make_scalar(net, batch, 5);
    store weights(net);
    training_pass pass(1, images);
    s.pass(pass, weights.access());
    return pass.counters().arena_bytes;
}

}  // namespace

TEST_CASE("fused layers in float compute what the layers compute one by one") {
    check_same(precision::f32, in_float);
}

TEST_CASE("fused layers in bf16 are as close to the layers one by one as rounding allows") {
    if (!has_fast_bf16()) {
        WARN("skipped: this CPU has no bf16 instructions");
        return;
    }
    check_same(precision::bf16, in_bf16);
    const block_shape many_in_a_chunk{16, 272, 16, 3, 1, 8, activation::relu};
    check_same(many_in_a_chunk, 128, 2, precision::bf16, in_bf16);
}

TEST_CASE("expansions: several images in a chunk, and fewer chunks than threads") {
    const block_shape small{16, 136, 16, 3, 1, 8, activation::relu};
    check_same(small, 128, 2, precision::f32, in_float);
    const block_shape large{16, 128, 16, 3, 1, 42, activation::relu};
    check_same(large, 5, 7, precision::f32, in_float);
}

TEST_CASE("an expansion of the images themselves") {
    const auto make = [](layers how) {
        network_builder b;
        const auto conv = [&](const std::string& name, value_id x, std::int64_t from,
                              std::int64_t kernel, std::int64_t groups) {
            conv2d_op c{whole(name + ".w", {64, from / groups, kernel, kernel}), {}};
            if (how == layers::alone) c.bias = whole(name + ".zero", {64});
            c.padding = {kernel / 2, kernel / 2};
            c.groups = groups;
            return b.add(name, c, {x});
        };
        auto x = conv("expand", b.input("image", image_type(16, 32, 32)), 16, 1, 1);
        x = b.add("norm", batch_norm_op{whole("s", {64}), whole("t", {64})}, {x});
        x = b.add("act", activation_op{activation::relu}, {x});
        x = conv("depthwise", x, 64, 5, 64);
        x = b.add("mean", global_pool_op{}, {x});
        b.output(b.add("logits", linear_op{whole("l", {10, 64}), whole("lb", {10})}, {x}),
                 output_role::logits);
        return std::move(b).build();
    };
    check_same(make(layers::fused), make(layers::alone), 20, 2, precision::f32, in_float);
}

TEST_CASE("fused layers measure the statistics of the layers one by one") {
    for (const auto& shape : shapes) {
        const network fused = block(shape, layers::fused);
        const network alone = block(shape, layers::alone);
        const auto s = make_scalar(fused, 6, 11);
        store of_fused(fused), of_alone(alone);
        set_biases_to_zero(of_alone);
        training_pass pass(2, precision::f32), plain(2, precision::f32);
        const auto images = reference::channels_last(fused.at(fused.inputs()[0]).type, 6, s.input);
        (void)pass.forward(fused, of_fused.access(), images, 6, pass_kind::statistics);
        (void)plain.forward(alone, of_alone.access(), images, 6, pass_kind::statistics);
        for (std::size_t i = 0; i < fused.nodes().size(); ++i) {
            INFO(fused.nodes()[i].name);
            const auto& got = pass.batch_statistics()[i];
            const auto& expected = plain.batch_statistics()[i];
            REQUIRE(got.mean.size() == expected.mean.size());
            if (got.mean.empty()) continue;
            CHECK(apart(got.mean, expected.mean) < 1e-4);
            CHECK(apart(got.variance, expected.variance) < 1e-4);
        }
    }
}

TEST_CASE("fused layers take less memory than the layers one by one") {
    const auto bytes = [](layers how) {
        return arena_bytes(block(shapes[1], how), 32, precision::f32);
    };
    CHECK(bytes(layers::fused) < bytes(layers::alone));
}

TEST_CASE("what is between an expansion and its depthwise convolution takes no memory") {
    const block_shape& shape = shapes[6];
    const std::int64_t batch = 16;
    const std::int64_t hidden = batch * shape.size * shape.size * shape.hidden * 4;
    // Both blocks keep the result of their depthwise convolution, and backward has one gradient at
    // a time; everything else has an eighth of the channels.
    CHECK(arena_bytes(block(shape, layers::fused), batch, precision::f32) < 4 * hidden);
    CHECK(arena_bytes(block(shape, layers::alone), batch, precision::f32) > 6 * hidden);
}
