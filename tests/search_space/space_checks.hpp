// SPDX-License-Identifier: Apache-2.0
// What every search space promises, checked on members drawn at random.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "lathe/search_space/concept.hpp"

namespace lathe::testing {

/// canonical() is idempotent and means "same network"; lowering an equal genotype twice gives the
/// same network; a tensor name has one full shape in all members; genes outside of the axes are
/// refused. `lower(a)` and `lower(canonical(a))` are compared for each of `members` genotypes.
template <SearchSpace Space>
void check_space(const Space& space, int members, std::uint64_t seed = 1) {
    rng random(seed);
    std::map<std::vector<std::uint16_t>, hash64> identity_of;
    std::map<hash64, std::vector<std::uint16_t>> genes_of;
    std::map<std::string, std::vector<std::int64_t>> full_shape_of;
    for (int i = 0; i < members; ++i) {
        const genotype g = random_genotype(space.axes(), random);
        const genotype c = space.canonical(g);
        INFO("genotype " << to_string(g) << ", canonical " << to_string(c));
        CHECK(space.canonical(c) == c);

        const network net = space.lower(g);
        CHECK(space.lower(c).identity_hash() == net.identity_hash());
        const auto [known, is_new] = identity_of.try_emplace(c.genes, net.identity_hash());
        CHECK(known->second == net.identity_hash());
        const auto [same, fresh] = genes_of.try_emplace(net.identity_hash(), c.genes);
        CHECK(same->second == c.genes);

        for (const auto& n : net.nodes()) {
            for (const auto& p : parameters_of(n.operation)) {
                const auto [tensor, first] =
                    full_shape_of.try_emplace(p.ref->tensor, p.ref->full_shape);
                if (tensor->second != p.ref->full_shape) FAIL(p.ref->tensor << " has two shapes");
            }
        }
        REQUIRE(net.outputs().size() == 1);
        CHECK(net.outputs()[0].role == output_role::logits);
        CHECK(net.at(net.outputs()[0].value).name == "logits");
    }

    genotype wrong = random_genotype(space.axes(), random);
    wrong.genes.back() = static_cast<std::uint16_t>(space.axes().back().size());
    CHECK_THROWS_WITH(space.lower(wrong), Catch::Contains(space.axes().back().name));
    CHECK_THROWS_WITH(space.canonical(wrong), Catch::Contains(space.axes().back().name));
    wrong.genes.pop_back();
    CHECK_THROWS_WITH(space.lower(wrong), Catch::Contains("genes for"));
    CHECK_THROWS_WITH(space.canonical(wrong), Catch::Contains("genes for"));
}

/// Also: MACs and parameters of every member lie between those of smallest() and largest(), and every
/// tensor of a member is one of the largest member's.
template <ElasticSpace Space>
void check_elastic_space(const Space& space, int members, std::uint64_t seed = 2) {
    check_space(space, members, seed);
    CHECK(space.canonical(space.largest()) == space.largest());
    CHECK(space.canonical(space.smallest()) == space.smallest());
    const network largest = space.lower(space.largest());
    const network smallest = space.lower(space.smallest());
    std::map<std::string, std::vector<std::int64_t>> tensors;
    for (const auto& n : largest.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            tensors.emplace(p.ref->tensor, p.ref->full_shape);
            CHECK(shape_of(*p.ref) == p.ref->full_shape);
        }
    }
    rng random(seed, 1);
    for (int i = 0; i < members; ++i) {
        const network net = space.lower(random_genotype(space.axes(), random));
        CHECK(total_macs(net) >= total_macs(smallest));
        CHECK(total_macs(net) <= total_macs(largest));
        CHECK(total_parameters(net) >= total_parameters(smallest));
        CHECK(total_parameters(net) <= total_parameters(largest));
        for (const auto& n : net.nodes()) {
            for (const auto& p : parameters_of(n.operation)) {
                if (tensors.find(p.ref->tensor) == tensors.end()) {
                    FAIL(p.ref->tensor << " is not in the largest member");
                }
            }
        }
    }
}

}  // namespace lathe::testing
