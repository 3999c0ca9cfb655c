// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/members.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "lathe/core/error.hpp"

using namespace lathe;

namespace {

/// The smallest space: one axis is active only where the other says so. No count, sample, describe.
class conditional_space {
public:
    conditional_space()
        : axes_{{"branch", axis_kind::categorical, {"short", "long"}},
                {"width", axis_kind::ordinal, {"1", "2", "3", "4"}}} {}

    const std::vector<axis>& axes() const { return axes_; }
    genotype canonical(const genotype& g) const {
        validate(g, axes_);
        return g.genes[0] == 0 ? genotype{{0, 0}} : g;
    }
    network lower(const genotype& g) const {
        const auto c = canonical(g);
        network_builder builder;
        const auto image = builder.input("image", image_type(1 + c.genes[1], 2, 2 + c.genes[0]));
        builder.output(builder.add("logits", global_pool_op{}, {image}), output_role::logits);
        return std::move(builder).build();
    }

private:
    std::vector<axis> axes_;
};
static_assert(SearchSpace<conditional_space>);
static_assert(!ElasticSpace<conditional_space>);

/// Nothing is canonical, and there is far too much of it.
class broken_space {
public:
    broken_space() : axes_(30, {"gene", axis_kind::ordinal, {"0", "1"}}) {}
    const std::vector<axis>& axes() const { return axes_; }
    genotype canonical(const genotype&) const { return {}; }
    network lower(const genotype&) const { return {}; }

private:
    std::vector<axis> axes_;
};

}  // namespace

TEST_CASE("any space can be counted, sampled and described") {
    const conditional_space space;
    CHECK(count_members(space).exact() == 5);
    std::map<genotype, int> seen;
    rng random(3);
    for (int i = 0; i < 5000; ++i) ++seen[sample_member(space, random)];
    REQUIRE(seen.size() == 5);
    for (const auto& [g, n] : seen) CHECK(std::abs(n - 1000) < 150);
    CHECK(describe_member(space, {{1, 2}}) == "branch=long width=3");
    CHECK(describe_member(space, {{0, 2}}) == "branch=short width=1");
}

TEST_CASE("spaces that are too large to visit or never canonical end in an error, not in a loop") {
    const broken_space space;
    rng random(1);
    CHECK_THROWS_WITH(count_members(space), Catch::Contains("1073741824 genotypes"));
    CHECK_THROWS_WITH(sample_member(space, random), Catch::Contains("1000000 random genotypes"));
}

TEST_CASE("an axis may have every option that a gene can tell") {
    std::vector<axis> axes = {{"wide", axis_kind::ordinal, std::vector<std::string>(65536, "x")}};
    genotype g{{65534}};
    CHECK(detail::next_genotype(g, axes));
    CHECK(g.genes[0] == 65535);
    CHECK_FALSE(detail::next_genotype(g, axes));
}

TEST_CASE("counts are exact up to 64 bits and approximate beyond") {
    const member_count big(std::uint64_t{1} << 40);
    CHECK((big * member_count(1 << 20)).exact() == std::uint64_t{1} << 60);
    CHECK_FALSE((big * big).exact());
    CHECK((big * big).approximate() == 0x1p80);
    CHECK_FALSE((big * big + big).exact());
    CHECK((big + big).exact() == std::uint64_t{1} << 41);
    CHECK_FALSE((member_count(~std::uint64_t{0}) + member_count(1)).exact());
    CHECK(to_string(member_count(1234567890)) == "1234567890");
    CHECK(to_string(big * big) == "about 1.21e+24");
}

TEST_CASE("genotypes that do not fit the axes are refused by name") {
    const conditional_space space;
    CHECK_NOTHROW(validate({{1, 3}}, space.axes()));
    CHECK_THROWS_WITH(validate({{1, 4}}, space.axes()),
                      Catch::Contains("'width'") && Catch::Contains("from 0 to 3"));
    CHECK_THROWS_WITH(validate({{1}}, space.axes()), Catch::Contains("1 genes for 2 axes"));
    CHECK_THROWS_AS(validate({{1, 1, 1}}, space.axes()), error);
}
