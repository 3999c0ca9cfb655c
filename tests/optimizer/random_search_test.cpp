// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/random_search.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

#include "lathe/core/error.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;
using genes = std::vector<std::uint16_t>;

TEST_CASE("every member comes exactly once, then the space is exhausted") {
    // depth d has 4^d members: 1 + 4 + 16 + 64 + 256
    random_search search(depth_space(4, 4), {.seed = 9});
    std::set<genes> seen;
    for (int i = 0; i < 34; ++i) {
        for (const auto& p : search.ask(10)) CHECK(seen.insert(p.genes.genes).second);
        CHECK_FALSE(search.counts().exhausted);
    }
    CHECK(seen.size() == 340);
    CHECK(search.ask(10).size() == 1);
    CHECK(search.counts().exhausted);
    CHECK(search.ask(10).empty());
    CHECK(search.counts().asked == 341);
    CHECK(random_search(table_space()).ask(1000).size() == 150);
}

TEST_CASE("draws are uniform over members, however many genotypes stand for each") {
    std::map<genes, int> count;  // 1 + 3 + 9 members, with 9, 3 and 1 genotypes each
    for (std::uint64_t seed = 0; seed < 6500; ++seed) {
        ++count[random_search(depth_space(2, 3), {.seed = seed}).ask(1).at(0).genes.genes];
    }
    REQUIRE(count.size() == 13);
    double chi_squared = 0.0;
    for (const auto& [g, n] : count) chi_squared += (n - 500.0) * (n - 500.0) / 500.0;
    CHECK(chi_squared < 32.9);  // 12 degrees of freedom, p = 0.001
}

TEST_CASE("the last members are drawn uniformly too") {
    std::map<genes, int> last;
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        ++last[random_search(grid({2, 4}), {.seed = seed}).ask(8).at(7).genes.genes];
    }
    for (const auto& [g, n] : last) CHECK(std::abs(n - 500) < 90);
}

TEST_CASE("spaces of every size end or go on, in time") {
    CHECK(random_search(search_domain{}).ask(5).size() == 1);  // no axis: one member
    CHECK(random_search(grid({1, 1, 1})).ask(5).size() == 1);
    CHECK(random_search(grid(std::vector<std::size_t>(200, 2))).ask(500).size() == 500);
    search_domain collapsed = grid(std::vector<std::size_t>(200, 2));  // 2^200 names for 3 members
    collapsed.canonical = [](genotype g) {
        for (std::size_t i = 2; i < g.genes.size(); ++i) g.genes[i] = 0;
        if (g.genes[0] == 0) g.genes[1] = 0;
        return g;
    };
    random_search search(collapsed);
    CHECK(search.ask(5).size() == 3);
    CHECK(search.counts().exhausted);
}

TEST_CASE("a warm start comes first, repeats and aliases once") {
    const std::vector<genotype> first = {{{2, 1, 1}}, {{0, 2, 2}}, {{0, 0, 0}}};
    random_search search(depth_space(2, 3), {.seed = 1, .first = first});
    const auto asked = search.ask(3);
    CHECK(asked[0].genes.genes == genes{2, 1, 1});
    CHECK(asked[1].genes.genes == genes{0, 0, 0});  // canonical form of 0.2.2
    CHECK(asked[2].genes.genes != genes{0, 0, 0});
    CHECK(search.counts().duplicates >= 1);
}

TEST_CASE("a domain that contradicts itself is refused with the place") {
    const auto complaint = [](search_domain d, std::vector<genotype> first = {}) {
        try {
            random_search search(std::move(d), {.seed = 1, .first = std::move(first)});
        } catch (const error& e) {
            CHECK(e.code() == errc::bad_input);
            return std::string(e.what());
        }
        return std::string("accepted");
    };
    CHECK_THAT(complaint(grid({3, 0})), Catch::Contains("axis 'axis0'"));
    search_domain d = grid({3, 3});
    d.members = std::vector<genotype>{};
    CHECK_THAT(complaint(d), Catch::Contains("no member"));
    d.members = {{{1, 1}}, {{1, 3}}};
    CHECK_THAT(complaint(d), Catch::Contains("member 1") && Catch::Contains("1.3"));
    d.members = {{{1, 1}}, {{1, 1}}};
    CHECK_THAT(complaint(d), Catch::Contains("member 1 (1.1) repeats"));
    d.members = {{{1, 1}}};
    CHECK_THAT(complaint(d, {{{0, 0}}}), Catch::Contains("warm start 0"));
    CHECK_THAT(complaint(grid({3}), {{{7}}}), Catch::Contains("warm start 0"));
    d = grid({3});
    d.canonical = [](genotype g) {
        g.genes.push_back(0);
        return g;
    };
    CHECK_THROWS_WITH(random_search(d).ask(1), Catch::Contains("canonical form"));
}
