// SPDX-License-Identifier: Apache-2.0
// Training passes that store images in bf16 against those that store floats.
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/scalar_network.hpp"
#include "lathe/core/error.hpp"

using namespace lathe;
using test::make_scalar;
using test::store;

namespace {

/// Relative distance and cosine of two vectors.
struct likeness {
    double distance, cosine;
};

likeness compare(const std::vector<float>& a, const std::vector<float>& b) {
    double aa = 0.0;
    double bb = 0.0;
    double ab = 0.0;
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        aa += double{a[i]} * double{a[i]};
        bb += double{b[i]} * double{b[i]};
        ab += double{a[i]} * double{b[i]};
    }
    const double apart = std::max(0.0, aa + bb - 2.0 * ab);
    return {std::sqrt(apart / aa), ab / std::sqrt(aa * bb)};
}

std::vector<float> all_gradients(store& weights) {
    std::vector<float> all;
    for (const auto& [name, t] : weights.tensors()) {
        all.insert(all.end(), t.gradient.begin(), t.gradient.end());
    }
    return all;
}

bool no_bf16() {
    if (has_fast_bf16()) return false;
    WARN("skipped: this CPU has no bf16 instructions");
    return true;
}

}  // namespace

TEST_CASE("automatic precision is bf16 where the CPU has it") {
    CHECK(resolve(precision::automatic) == (has_fast_bf16() ? precision::bf16 : precision::f32));
    CHECK(resolve(precision::f32) == precision::f32);
    CHECK(resolve(precision::bf16) == precision::bf16);
    if (has_fast_bf16()) {
        CHECK_NOTHROW(training_pass(1, precision::bf16));
    } else {
        CHECK_THROWS_WITH(training_pass(1, precision::bf16), Catch::Contains("no bf16"));
    }
}

TEST_CASE("logits and gradients in bf16 are close to those in float") {
    if (no_bf16()) return;
    training_pass floats(2);
    training_pass halves(2, precision::bf16);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const network net =
            reference::random_network(rng(seed, 3), 1 + static_cast<std::int64_t>(seed % 8));
        const auto s = make_scalar(net, 8, seed);
        store exact(net), rounded(net);
        const auto logits = compare(s.pass(floats, exact.access()), s.pass(halves, rounded.access()));
        CHECK(logits.distance < 0.05);
        CHECK(logits.distance > 0.0);
        CHECK(compare(all_gradients(exact), all_gradients(rounded)).cosine > 0.98);
    }
}

TEST_CASE("statistics of a pass in bf16 are floats close to the oracle's") {
    if (no_bf16()) return;
    const network net = reference::random_network(rng(21), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 4, 2);
    store weights(net);
    training_pass pass(2, precision::bf16);
    const auto images = reference::channels_last(net.at(net.inputs()[0]).type, s.batch, s.input);
    (void)pass.forward(net, weights.access(), images, 4, pass_kind::statistics);
    const auto expected = reference::batch_statistics(net, weights.reader(), s.batch, s.input);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& got = pass.batch_statistics()[i];
        REQUIRE(got.mean.size() == expected[i].mean.size());
        for (std::size_t c = 0; c < expected[i].mean.size(); ++c) {
            const double deviation = std::sqrt(double{expected[i].variance[c]});
            CHECK(std::abs(got.mean[c] - expected[i].mean[c]) < 0.05 * deviation + 0.02);
            CHECK(got.variance[c] == Approx(expected[i].variance[c]).epsilon(0.1).margin(1e-3));
        }
    }
}

TEST_CASE("the same pass in bf16 gives the same bits") {
    if (no_bf16()) return;
    const network net = reference::random_network(rng(31), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 4, 3);
    store first(net), second(net);
    training_pass one(2, precision::bf16), two(2, precision::bf16);
    s.pass(one, first.access());
    s.pass(two, second.access());
    CHECK(all_gradients(first) == all_gradients(second));
}
