// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/compile.hpp"

#include <catch2/catch.hpp>

#include "lathe/core/error.hpp"
#include "lathe/engine/training_pass.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

TEST_CASE("the compile without the engine is a lower bound of the exact one, step by step") {
    for (std::uint64_t seed = 0; seed < 80; ++seed) {
        CAPTURE(seed);
        const network net = reference::random_network(rng(seed, 5), 1 + static_cast<std::int64_t>(seed % 12));
        const std::int32_t batches[] = {1, 7, 600};  // the last in tiles
        const deployment target{.batch = batches[seed % 3]};
        const program exact = compile(net, target);
        const program bound = compile_lower_bound(net, target);
        CHECK(exact.exact);
        CHECK_FALSE(bound.exact);
        CHECK(bound.tile == exact.tile);
        CHECK(bound.plan.lower_bound <= exact.plan.lower_bound);
        CHECK(bound.peak_memory() <= exact.peak_memory());
        REQUIRE(bound.steps.size() == exact.steps.size());
        for (std::size_t i = 0; i < exact.steps.size(); ++i) {
            CHECK(bound.steps[i].operation == exact.steps[i].operation);
            CHECK(bound.steps[i].macs == exact.steps[i].macs);
        }
    }
}

TEST_CASE("compiling twice gives the same program") {
    const network net = reference::random_network(rng(2), 10);
    const program a = compile(net, {.batch = 3});
    const program b = compile(net, {.batch = 3});
    CHECK(a.plan.offsets == b.plan.offsets);
    CHECK(a.weight_bytes == b.weight_bytes);
    CHECK(a.structure == net.structure_hash());
    for (std::size_t i = 0; i < a.steps.size(); ++i) {
        CHECK(a.steps[i].implementation == b.steps[i].implementation);
    }
}

TEST_CASE("values that no kernel reads are refused with the layer, for inference and training") {
    const auto refusal = [](const tensor_type& type) {
        network_builder b;
        const auto x = b.input("in", type);
        b.output(b.add("out", activation_op{activation::relu}, {x}), output_role::features);
        const network net = std::move(b).build();
        std::string messages;
        try {
            (void)compile(net, {.batch = 2});
        } catch (const error& e) {
            CHECK(e.code() == errc::unsupported);
            messages += e.what();
        }
        try {
            (void)training_pass(1).arena_bytes(net, 2);
        } catch (const error& e) {
            CHECK(e.code() == errc::unsupported);
            messages += e.what();
        }
        return messages;
    };
    using Catch::Contains;
    auto bytes = image_type(3, 4, 4);
    bytes.element = element_type::u8;
    CHECK_THAT(refusal(bytes), Contains("'in'") && Contains("u8[batch,3,4,4]"));
    auto quantized = vector_type(4);
    quantized.quantized = quantization{.scale = 0.1F};
    CHECK_THAT(refusal(quantized), Contains("quantized"));
    CHECK_THAT(refusal({.dims = {8, 4}, .quantized = {}}), Contains("f32[8,4]"));
    CHECK_THAT(
        refusal({.dims = {dim::symbolic("batch"), dim::symbolic("length")}, .quantized = {}}),
        Contains("f32[batch,length]"));
    CHECK_THAT(refusal({.dims = {dim::symbolic("batch"), 3, 4}, .quantized = {}}),
               Contains("f32[batch,3,4]"));
    CHECK(refusal(vector_type(4)).empty());
}

TEST_CASE("a network without layers has the same buffers with and without the engine") {
    network_builder b;
    b.output(b.input("in", vector_type(4)), output_role::features);
    const network net = std::move(b).build();
    const program exact = compile(net, {.batch = 2});
    const program bound = compile_lower_bound(net, {.batch = 2});
    REQUIRE(exact.buffers.size() == bound.buffers.size());
    CHECK(exact.buffers[0].last_step == bound.buffers[0].last_step);
    CHECK(exact.peak_memory() == bound.peak_memory());
}
