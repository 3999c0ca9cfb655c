// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/scoring.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/evaluator/supernet.hpp"
#include "reference/interpreter.hpp"
#include "reference/layout.hpp"
#include "supernet/support.hpp"

using namespace lathe;

TEST_CASE("statistics of one batch are the batch's; of several, the pooled ones") {
    const auto space = test::small_space();
    const network net = space.lower(space.smallest());
    const test::small_data data(40);
    image_batches images(data.reader(40, batch_order::evaluation));
    weight_store weights(1);
    training_pass pass(1);
    const auto& type = net.at(net.inputs()[0]).type;
    const auto height = static_cast<std::int32_t>(type.dims[2].size());
    const auto pixels = images.at(height, height);

    const auto one = recalibrate(pass, net, weights, images, 40);
    const auto first_norm = net.find("stem_norm");
    const auto expected =
        reference::batch_statistics(net, weights.reader(), 40,
                                    reference::channels_first(type, 40, pixels));
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& got = one.of(static_cast<value_id>(i));
        for (std::size_t c = 0; c < expected[i].mean.size(); ++c) {
            CHECK(got.mean[c] == Approx(expected[i].mean[c]).epsilon(1e-3).margin(1e-4));
            CHECK(got.variance[c] == Approx(expected[i].variance[c]).epsilon(1e-3).margin(1e-4));
        }
    }
    // The first norm sees the same values in whatever batches, so pooling must not change it.
    const auto four = recalibrate(pass, net, weights, images, 10);
    for (std::size_t c = 0; c < one.of(first_norm).mean.size(); ++c) {
        CHECK(four.of(first_norm).mean[c] ==
              Approx(one.of(first_norm).mean[c]).epsilon(1e-4).margin(1e-5));
        CHECK(four.of(first_norm).variance[c] ==
              Approx(one.of(first_norm).variance[c]).epsilon(1e-4).margin(1e-5));
    }
    CHECK_THROWS_WITH(recalibrate(pass, net, weights, images, 41), Catch::Contains("batch of 41"));
}

TEST_CASE("accuracy counts hits, ragged last batch included") {
    const auto space = test::small_space();
    const network net = space.lower(space.largest());
    const test::small_data data(50);
    image_batches images(data.reader(32, batch_order::evaluation));
    weight_store weights(1);
    training_pass pass(1);
    const auto statistics = recalibrate(pass, net, weights, images, 25);
    const auto& type = net.at(net.inputs()[0]).type;
    const auto height = static_cast<std::int32_t>(type.dims[2].size());
    const auto input = reference::channels_first(type, 50, images.at(height, height));
    const auto values = reference::run(net, weights.reader(), statistics, 50, input);
    const auto& logits = values[static_cast<std::size_t>(net.outputs()[0].value)];
    int hits = 0;
    for (std::size_t i = 0; i < 50; ++i) {
        const auto row = logits.begin() + static_cast<std::ptrdiff_t>(10 * i);
        hits += std::max_element(row, row + 10) - row == images.labels()[i];
    }
    for (const std::int32_t batch : {1, 7, 50, 64}) {
        const auto a = top1_accuracy(net, weights.reader(), statistics, images, 50, batch, 1);
        REQUIRE(a.known());
        CHECK(a.value == Approx(hits / 50.0));
        CHECK(a.low <= a.value);
        CHECK(a.high >= a.value);
    }
    CHECK(top1_accuracy(net, weights.reader(), statistics, images, 20, 8, 1).known());
}

TEST_CASE("Wilson's interval: published values and its ends") {
    // Newcombe 1998, table I: 81 of 263 and 15 of 148.
    const auto a = share_estimate(81, 263);
    CHECK(a.low == Approx(0.2553).margin(1e-4));
    CHECK(a.high == Approx(0.3662).margin(1e-4));
    const auto b = share_estimate(15, 148);
    CHECK(b.low == Approx(0.0624).margin(1e-4));
    CHECK(b.high == Approx(0.1605).margin(1e-4));
    CHECK(share_estimate(0, 20).low == 0.0);
    CHECK(share_estimate(20, 20).high == 1.0);
    for (const auto& [hits, trials] : {std::pair(0, 0), std::pair(2, 1), std::pair(-1, 1)}) {
        CHECK_THROWS_WITH(share_estimate(hits, trials), Catch::Contains("trials"));
    }
}

TEST_CASE("images that the network cannot take are refused, not read past their end") {
    const auto space = test::small_space();
    const test::small_data data(40);
    image_batches images(data.reader(40, batch_order::evaluation));
    weight_store weights(1);
    training_pass pass(1);
    const network net = space.lower(space.smallest());
    const network three_channels = [] {
        network_builder b;
        const auto in = b.input("image", image_type(3, 16, 16));
        b.output(b.add("mean", global_pool_op{}, {in}), output_role::logits);
        return std::move(b).build();
    }();
    const auto code = [](auto&& call) {
        try {
            call();
        } catch (const error& e) {
            return e.code();
        }
        return errc::internal;
    };
    const auto neutral = calibrated_statistics::neutral(three_channels);
    CHECK(code([&] { (void)recalibrate(pass, three_channels, weights, images, 20); }) ==
          errc::shape);
    CHECK(code([&] {
              (void)top1_accuracy(three_channels, weights.reader(), neutral, images, 40, 10, 1);
          }) == errc::shape);
    CHECK(code([&] { (void)recalibrate(pass, net, weights, images, 0); }) == errc::bad_input);
    const auto own = recalibrate(pass, net, weights, images, 20);
    CHECK(code([&] {
              (void)top1_accuracy(net, weights.reader(), own, images, 0, 10, 1);
          }) == errc::bad_input);
    CHECK(code([] { training_pass(0); }) == errc::bad_input);
    for (int twice = 0; twice < 2; ++twice) {  // nothing half made is kept
        CHECK(code([&] { (void)images.at(0, 8); }) == errc::bad_input);
        CHECK(code([&] { (void)images.at(8, -1); }) == errc::bad_input);
    }
}

TEST_CASE("the evaluator judges members and turns trouble into failures") {
    const auto space = test::small_space();
    const test::small_data data(60);
    image_batches recalibration(data.reader(30, batch_order::evaluation));
    image_batches validation(data.reader(30, batch_order::evaluation));
    weight_store weights(1);
    weights.add(space.lower(space.largest()));
    supernet_evaluator judge(weights, recalibration, validation,
                             {.recalibration_batch = 30, .batch = 30});
    const network good = space.lower(space.smallest());
    const std::vector<candidate> members{{0, space.smallest(), &good}};
    const auto first = judge.evaluate(members, {});
    const auto second = judge.evaluate(members, {});
    REQUIRE(first.at(0).status == evaluation_status::done);
    CHECK(first.at(0).metrics.at(0).value.value == second.at(0).metrics.at(0).value.value);
    CHECK(first.at(0).metrics.at(0).value.value <= 1.0);

    weights.tensors().at(parameters_of(good.at(1).operation)[0].ref->tensor).value[0] = NAN;
    CHECK(judge.evaluate(members, {}).at(0).status == evaluation_status::failed);
    const auto without_network = judge.evaluate(std::vector<candidate>(1), {});
    CHECK(without_network.at(0).status == evaluation_status::failed);
    CHECK_THAT(without_network.at(0).message, Catch::Contains("it has no network"));
}
