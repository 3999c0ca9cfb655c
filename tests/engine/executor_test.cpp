// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/executor.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "engine/check_gaps.hpp"
#include "engine/difference_to_oracle.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/run_parallel.hpp"
#include "lathe/engine/compile.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

TEST_CASE("random networks compute what plain loops compute") {
    for (std::uint64_t seed = 0; seed < 120; ++seed) {
        CAPTURE(seed);
        const rng random(seed);
        const network net = reference::random_network(random, 1 + static_cast<std::int64_t>(seed % 9));
        const std::int32_t batch = 1 + static_cast<std::int32_t>(seed % 3);
        const int threads = 1 + static_cast<int>(seed % 2);
        const auto statistics = reference::random_statistics(net, random);
        executor run(net, reference::unit_weights(), statistics,
                     {.batch = batch, .threads = threads});
        CHECK(difference_to_oracle(net, batch, run, statistics, rng(seed, 1)) < 1e-4);
        // A second run finds every buffer dirty.
        CHECK(difference_to_oracle(net, batch, run, statistics, rng(seed, 2)) < 1e-4);
    }
}

TEST_CASE("a convolution is not accumulated into its own input") {
    network_builder b;
    const auto in = b.input("image", image_type(3, 6, 6));
    const auto x = b.add("first", conv2d_op{whole("a", {8, 3, 1, 1}), {}}, {in});
    conv2d_op square{whole("b", {8, 8, 3, 3}), {}};
    square.padding = {1, 1};
    const auto y = b.add("second", square, {x});
    const auto sum = b.add("sum", add_op{}, {x, y});
    b.output(sum, output_role::features);
    const network net = std::move(b).build();
    const auto statistics = reference::random_statistics(net, rng(1));
    executor run(net, reference::unit_weights(), statistics, {.batch = 2});
    CHECK(difference_to_oracle(net, 2, run, statistics, rng(2)) < 1e-4);
}

TEST_CASE("more activations behind a layer than a primitive takes") {
    for (const std::int64_t groups : {1, 2, 8}) {
        network_builder b;
        auto x = b.input("image", image_type(8, 6, 6));
        x = b.add("conv", conv2d_op{whole("w", {8, 8 / groups, 3, 3}), {}, {1, 1}, {1, 1}, groups},
                  {x});
        for (int i = 0; i < 40; ++i) {
            const activation kind = i % 2 == 0 ? activation::hard_swish : activation::swish;
            x = b.add("act" + std::to_string(i), activation_op{kind}, {x});
        }
        b.output(x, output_role::features);
        const network net = std::move(b).build();
        const auto statistics = calibrated_statistics::neutral(net);
        executor run(net, reference::unit_weights(), statistics, {.batch = 2});
        CHECK(difference_to_oracle(net, 2, run, statistics, rng(3)) < 1e-4);
    }
}

TEST_CASE("the arena is exactly as large as planned, and its gaps stay untouched") {
    for (std::uint64_t seed = 200; seed < 240; ++seed) {
        CAPTURE(seed);
        const network net = reference::random_network(rng(seed), 6);
        const deployment target{.batch = 1 + static_cast<std::int32_t>(seed % 4)};
        const auto statistics = reference::random_statistics(net, rng(seed));
        const program plan = compile(net, target);
        guarded_memory memory(static_cast<std::size_t>(plan.plan.arena_bytes));
        executor run(net, reference::unit_weights(), statistics, target, memory.bytes());
        CHECK(run.plan().plan.offsets == plan.plan.offsets);

        std::ranges::fill(memory.bytes(), poison);
        CHECK(difference_to_oracle(net, target.batch, run, statistics, rng(seed, 1)) < 1e-4);
        check_gaps(plan, memory.bytes());
    }
}

TEST_CASE("streams share weights and compute the same") {
    const network net = reference::random_network(rng(3), 6, reference::outputs::logits);
    const auto statistics = reference::random_statistics(net, rng(3));
    executor first(net, reference::unit_weights(), statistics, {.batch = 2});
    executor second = first.stream();
    CHECK(difference_to_oracle(net, 2, second, statistics, rng(1)) < 1e-4);
    CHECK(difference_to_oracle(net, 2, first, statistics, rng(2)) < 1e-4);
    CHECK(first.input().data() != second.input().data());
}

namespace {

std::vector<float> output_of(executor& run, const std::vector<float>& input) {
    std::ranges::copy(input, run.input().begin());
    run.run();
    return {run.output().begin(), run.output().end()};
}

}  // namespace

TEST_CASE("streams at the same time compute what they compute alone") {
    constexpr int calls = 200;
    const network net = reference::random_network(rng(3), 12, reference::outputs::logits);
    const auto statistics = reference::random_statistics(net, rng(3));
    executor first(net, reference::unit_weights(), statistics, {.batch = 2, .streams = 2});
    executor second = first.stream();
    executor* const streams[] = {&first, &second};
    std::vector<float> inputs[2], alone[2];
    for (std::size_t i = 0; i < 2; ++i) {
        inputs[i] = reference::random_input(net, 2, rng(i));
        alone[i] = output_of(*streams[i], inputs[i]);
    }
    std::array<int, 2> wrong{};
    detail::run_parallel(2, 2, [&](std::size_t, std::size_t i) {
        for (int c = 0; c < calls; ++c) wrong[i] += output_of(*streams[i], inputs[i]) != alone[i];
    });
    CHECK(wrong == std::array{0, 0});
}

TEST_CASE("huge pages change no result") {
    const network net = reference::random_network(rng(6), 8, reference::outputs::logits);
    const auto statistics = reference::random_statistics(net, rng(6));
    const auto input = reference::random_input(net, 3, rng(7));
    executor normal(net, reference::unit_weights(), statistics, {.batch = 3});
    executor huge(net, reference::unit_weights(), statistics, {.batch = 3}, {}, memory_pages::huge);
    executor second = huge.stream();
    const auto expected = output_of(normal, input);
    CHECK(output_of(huge, input) == expected);
    CHECK(output_of(second, input) == expected);
}

TEST_CASE("wrong statistics, arenas and weights are refused by name") {
    const network net = reference::random_network(rng(4), 4);
    const network other = reference::random_network(rng(5), 4);
    const auto statistics = reference::random_statistics(net, rng(4));
    const auto failing = [&](auto make) -> errc {
        try {
            make();
        } catch (const error& e) {
            return e.code();
        }
        return errc::internal;
    };
    CHECK(failing([&] {
              executor(other, reference::unit_weights(), statistics, {.batch = 1});
          }) == errc::not_calibrated);
    std::vector<std::byte> small(64);
    CHECK(failing([&] {
              executor(net, reference::unit_weights(), statistics, {.batch = 1}, small);
          }) == errc::bad_input);
    CHECK(failing([&] { (void)compile(net, {.batch = 0}); }) == errc::bad_input);
    const weight_reader broken = [](const param_ref&, std::span<float> out) {
        std::ranges::fill(out, std::nanf(""));
    };
    CHECK(failing([&] { executor(net, broken, statistics, {.batch = 1}); }) == errc::numeric);
    executor run(net, reference::unit_weights(), statistics, {.batch = 1});
    CHECK(failing([&] { (void)run.input(1); }) == errc::bad_input);
    CHECK(failing([&] { (void)run.output(net.outputs().size()); }) == errc::bad_input);
}

TEST_CASE("every op with weights refuses one that is not finite") {
    network_builder b;
    auto x = b.input("image", image_type(8, 6, 6));
    x = b.add("norm", batch_norm_op{whole("scale", {8}), whole("shift", {8}), 1e-5F}, {x});
    x = b.add(
        "gate",
        channel_gate_op{whole("a", {4, 8}), whole("b", {4}), whole("c", {8, 4}), whole("d", {8})},
        {x});
    x = b.add("conv", conv2d_op{whole("w", {8, 8, 1, 1}), whole("v", {8}), {1, 1}, {0, 0}, 1}, {x});
    x = b.add("mean", global_pool_op{}, {x});
    x = b.add("logits", linear_op{whole("l", {4, 8}), whole("m", {4})}, {x});
    b.output(x, output_role::logits);
    const network net = std::move(b).build();
    const auto statistics = calibrated_statistics::neutral(net);
    for (const char* bad : {"scale", "shift", "a", "b", "c", "d", "w", "v", "l", "m"}) {
        const weight_reader reader = [&](const param_ref& p, std::span<float> out) {
            std::ranges::fill(out, 0.5F);
            if (p.tensor == bad) out.back() = std::nanf("");
        };
        CHECK_THROWS_WITH(executor(net, reader, statistics, {.batch = 1}),
                          Catch::Contains(std::string("tensor '") + bad + "'"));
    }
}

TEST_CASE("step times cover every step") {
    const network net = reference::random_network(rng(6), 5);
    executor run(net, reference::unit_weights(), reference::random_statistics(net, rng(6)), {});
    std::ranges::fill(run.input(), 0.5F);
    const auto times = run.time_steps(5);
    REQUIRE(times.size() == run.plan().steps.size());
    for (const auto t : times) CHECK(t.value > 0.0);
    CHECK_THROWS_WITH(run.time_steps(0), Catch::Contains("0 repeats"));
}
