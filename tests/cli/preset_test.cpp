// SPDX-License-Identifier: Apache-2.0
#include "cli/preset.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "cli/spec.hpp"

namespace lathe::cli {
namespace {

TEST_CASE("every preset: extremes, images, and weights for all members") {
    for (const std::string_view name : preset_names) {
        INFO(name);
        const preset_space preset(name, 7);
        const any_space space = preset.any();
        const bool large = name == "mobile32" || name == "cell32";
        CHECK(preset.images() == (large ? image_shape{32, 32, 3} : image_shape{28, 28, 1}));

        const auto macs = [&](const genotype& g) { return total_macs(space.lower(g)).value; };
        CHECK(space.canonical(preset.largest()) == preset.largest());
        CHECK(space.canonical(preset.smallest()) == preset.smallest());
        CHECK(macs(preset.smallest()) < macs(preset.largest()) / 4);
        CHECK(macs(preset.largest()) < 20'000'000);

        weight_store weights(1);
        for (const network& net : preset.with_all_weights()) weights.add(net);
        const std::size_t tensors = weights.tensors().size();
        rng random(3);
        for (int i = 0; i < 60; ++i) {
            const genotype g = space.sample(random);
            CHECK(macs(g) <= macs(preset.largest()));
            CHECK(macs(g) >= macs(preset.smallest()));
            weights.add(space.lower(g));
            CHECK(weights.tensors().size() == tensors);
        }
    }
}

TEST_CASE("networks of a step: the largest teaches, random ones follow, the smallest is last") {
    for (const std::string_view name : preset_names) {
        INFO(name);
        const preset_space preset(name);
        const any_space space = preset.any();
        const auto step = preset.sampler(3);
        const auto nets = step(rng(5));
        REQUIRE(nets.size() == 5);
        CHECK(nets.front().identity_hash() == space.lower(preset.largest()).identity_hash());
        CHECK(nets.back().identity_hash() == space.lower(preset.smallest()).identity_hash());
        CHECK(nets[1].identity_hash() != nets[2].identity_hash());
        CHECK(step(rng(5))[2].identity_hash() == nets[2].identity_hash());
    }
}

TEST_CASE("a name that is no preset is answered with the nearest one") {
    CHECK_THROWS_WITH(preset_space("cel32"), Catch::Matchers::Contains("did you mean 'cell32'"));
}

}  // namespace
}  // namespace lathe::cli
