// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/compile.hpp"

#include <catch2/catch.hpp>

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
