// SPDX-License-Identifier: Apache-2.0
#include "optimizer/region.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <vector>

#include "lathe/core/rng.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;
using detail::region;
using detail::scored_member;

namespace {

std::vector<genotype> all_on(const std::vector<axis>& axes) {
    std::vector<genotype> all{genotype{std::vector<std::uint16_t>(axes.size(), 0)}};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        std::vector<genotype> more;
        for (const genotype& g : all) {
            for (std::uint16_t o = 0; o < axes[i].size(); ++o) {
                more.push_back(g);
                more.back().genes[i] = o;
            }
        }
        all = std::move(more);
    }
    return all;
}

std::set<genotype> members_of(const search_domain& d) {
    std::set<genotype> all;
    for (const genotype& g : all_on(d.axes)) all.insert(d.canonical ? d.canonical(g) : g);
    return all;
}

double squares_about_mean(const std::vector<double>& values) {
    double mean = 0.0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    double sum = 0.0;
    for (const double v : values) sum += (v - mean) * (v - mean);
    return sum;
}

/// Every division of every axis's options in two, tried.
double best_gain_by_trying(const region& r, const std::vector<axis>& axes,
                           const std::vector<scored_member>& members, std::size_t fewest) {
    std::vector<double> all;
    for (const auto& m : members) all.push_back(m.quality);
    double best = 0.0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t n = r.options[i].size();
        for (std::size_t mask = 1; mask + 1 < (std::size_t{1} << n); ++mask) {
            const bool threshold = (mask & (mask + 1)) == 0;  // the first options, as in an order
            if (axes[i].kind == axis_kind::ordinal && !threshold) continue;
            std::vector<double> in, out;
            for (const auto& m : members) {
                const auto at = static_cast<std::size_t>(
                    std::ranges::find(r.options[i], m.genes[i]) - r.options[i].begin());
                ((mask >> at & 1) != 0 ? in : out).push_back(m.quality);
            }
            if (in.size() < fewest || out.size() < fewest) continue;
            best = std::max(best, squares_about_mean(all) - squares_about_mean(in) -
                                      squares_about_mean(out));
        }
    }
    return best;
}

}  // namespace

TEST_CASE("the best cut is that of all divisions, for ordinal and categorical axes") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        rng random(seed);
        // That the order of means suffices for kinds is true only without a least number of members.
        const bool kinds = seed % 2 == 0;
        std::vector<axis> axes;
        for (int i = 0; i < 3; ++i) {
            const bool kind = kinds && random.below(2) == 0;
            axes.push_back(make_axis(2 + random.below(4),
                                     kind ? axis_kind::categorical : axis_kind::ordinal));
        }
        const region whole = detail::whole_space(axes);
        std::vector<genotype> genes;
        for (int i = 0; i < 24; ++i) genes.push_back(random_genotype(axes, random));
        std::vector<scored_member> members;
        for (std::uint32_t i = 0; i < genes.size(); ++i) {
            members.push_back({i, genes[i].genes, 0.5 * random.below(30)});
        }
        const std::size_t fewest = kinds ? 1 : 1 + random.below(6);
        const auto found = detail::best_cut(whole, axes, members, fewest);
        const double expected = best_gain_by_trying(whole, axes, members, fewest);
        CHECK((found ? found->gain : 0.0) == Approx(expected).margin(1e-9));
        if (!found) continue;
        CHECK(std::ranges::is_sorted(found->first));
        CHECK_FALSE(found->first.empty());
        CHECK(found->first.size() < axes[found->axis].size());
    }
}

TEST_CASE("no cut where nothing tells members apart, or too few are on one side") {
    const std::vector<axis> axes = {make_axis(4), make_axis(1)};
    const region whole = detail::whole_space(axes);
    std::vector<genotype> genes;
    for (std::uint16_t i = 0; i < 8; ++i) genes.push_back({{static_cast<std::uint16_t>(i % 4), 0}});
    std::vector<scored_member> equal, alone;
    for (std::uint32_t i = 0; i < 8; ++i) {
        equal.push_back({i, genes[i].genes, 3.5});
        alone.push_back({i, genes[i].genes, i < 4 ? 1.0 : 0.0});
    }
    CHECK_FALSE(detail::best_cut(whole, axes, equal, 1));
    CHECK_FALSE(detail::best_cut(whole, axes, alone, 5));
    CHECK_FALSE(detail::best_cut(whole, axes, {}, 1));
}

TEST_CASE("options that nobody has tried go with the nearer side, kinds with the better") {
    std::vector<genotype> genes;
    for (const int o : {0, 0, 9, 9}) genes.push_back({{static_cast<std::uint16_t>(o)}});
    std::vector<scored_member> members;
    for (std::uint32_t i = 0; i < 4; ++i) members.push_back({i, genes[i].genes, i < 2 ? 1.0 : 4.0});
    const std::vector<axis> sizes = {make_axis(10)};
    const auto near = detail::best_cut(detail::whole_space(sizes), sizes, members, 2);
    REQUIRE(near);
    CHECK(near->first == std::vector<std::uint16_t>{0, 1, 2, 3, 4});
    const std::vector<axis> kinds = {make_axis(10, axis_kind::categorical)};
    const auto better = detail::best_cut(detail::whole_space(kinds), kinds, members, 2);
    REQUIRE(better);
    CHECK(better->first == std::vector<std::uint16_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("two halves of a region share no member, and together have all of them") {
    for (search_domain d : {grid({3, 4, 2}), depth_space(3, 3)}) {
        const auto everyone = members_of(d);
        for (std::size_t axis_of_cut = 0; axis_of_cut < d.axes.size(); ++axis_of_cut) {
            INFO("axes " << d.axes.size() << " cut on " << axis_of_cut);
            region low = detail::whole_space(d.axes);
            region high = low;
            low.options[axis_of_cut] = {0};
            high.options[axis_of_cut].erase(high.options[axis_of_cut].begin());
            std::set<genotype> found;
            for (const region& half : {low, high}) {
                const auto anchor = std::ranges::find_if(
                    everyone, [&](const genotype& g) { return half.holds(g.genes); });
                REQUIRE(anchor != everyone.end());
                const search_domain part = detail::domain_within(d, half, *anchor);
                for (const genotype& local : members_of(part)) {
                    CHECK(part.canonical(local) == local);
                    const genotype g = detail::outside(half, local.genes);
                    CHECK(detail::within(half, g.genes) == local);
                    CHECK(everyone.contains(g));
                    CHECK(found.insert(g).second);
                }
            }
            CHECK(found == everyone);
            CHECK(low.share_of(d.axes) + high.share_of(d.axes) == Approx(1.0));
        }
    }
}

TEST_CASE("the part of a table holds the rows that lie in it") {
    const search_domain d = table_space();
    region part = detail::whole_space(d.axes);
    part.options[1] = {2, 5};
    part.options[2] = {0, 1, 2, 3, 9};
    std::set<genotype> expected;
    for (const genotype& g : *d.members) {
        if (part.holds(g.genes)) expected.insert(g);
    }
    REQUIRE(expected.size() == 15);
    const search_domain inner = detail::domain_within(d, part, *expected.begin());
    REQUIRE(inner.members);
    CHECK(inner.axes[1].options == std::vector<std::string>{"2", "5"});
    std::set<genotype> found;
    for (const genotype& local : *inner.members) {
        found.insert(detail::outside(part, local.genes));
    }
    CHECK(found == expected);
}
