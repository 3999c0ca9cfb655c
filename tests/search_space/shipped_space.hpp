// SPDX-License-Identifier: Apache-2.0
// What the spaces of the library keep beyond the promises of every search space.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lathe/testing/search_space.hpp"

namespace lathe::test {

/// Nothing is wrong with `members` members; each has logits as its only output; no layer of the
/// largest leaves a part of its tensors unused, and parameters are bounded as MACs are.
template <SearchSpace Space>
void check_shipped(const Space& space, int members, std::uint64_t seed = 1) {
    CHECK(testing::check_space(space, members, seed) == std::vector<std::string>{});
    rng random(seed, 1);
    std::vector<network> nets;
    for (int i = 0; i < members; ++i) {
        const network& net = nets.emplace_back(space.lower(random_genotype(space.axes(), random)));
        REQUIRE(net.outputs().size() == 1);
        CHECK(net.outputs()[0].role == output_role::logits);
        CHECK(net.at(net.outputs()[0].value).name == "logits");
    }
    if constexpr (ElasticSpace<Space>) {
        const network largest = space.lower(space.largest());
        const network smallest = space.lower(space.smallest());
        for (const network& net : nets) {
            CHECK(total_parameters(net) >= total_parameters(smallest));
            CHECK(total_parameters(net) <= total_parameters(largest));
        }
        for (const auto& n : largest.nodes()) {
            for (const auto& p : parameters_of(n.operation)) {
                CHECK(shape_of(*p.ref) == p.ref->full_shape);
            }
        }
    }
}

}  // namespace lathe::test
