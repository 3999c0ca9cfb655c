// SPDX-License-Identifier: Apache-2.0
#include "optimizer/genotype_set.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <map>
#include <vector>

#include "lathe/core/rng.hpp"

using namespace lathe;
using genes = std::vector<std::uint16_t>;

TEST_CASE("a genotype_set agrees with a tree of vectors, whatever the length") {
    rng random(3);
    for (const std::size_t length : {1, 3, 4, 7, 8, 15, 16, 30}) {
        detail::genotype_set set(length);
        std::map<genes, std::size_t> expected;
        std::vector<const std::uint16_t*> places;
        for (int step = 0; step < 6000; ++step) {
            genes g(length, 7);  // alike but for two genes: many repeats
            g[random.below(static_cast<std::uint32_t>(length))] = static_cast<std::uint16_t>(random.below(60));
            g.back() = static_cast<std::uint16_t>(random.below(60));
            REQUIRE(set.contains(g) == expected.contains(g));
            const bool fresh = expected.emplace(g, expected.size()).second;
            REQUIRE(set.insert(g) == fresh);
            if (fresh) places.push_back(set[set.size() - 1].data());
        }
        REQUIRE(set.size() == expected.size());
        for (const auto& [g, index] : expected) {
            REQUIRE(std::ranges::equal(set[index], g));
            REQUIRE(set[index].data() == places[index]);  // they stay where they are
        }
    }
}

TEST_CASE("of genotypes without genes there is one") {
    detail::genotype_set set(0);
    CHECK_FALSE(set.contains({}));
    CHECK(set.insert({}));
    CHECK_FALSE(set.insert({}));
    CHECK(set.size() == 1);
}
