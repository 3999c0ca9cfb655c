// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/cell_space.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "lathe/core/error.hpp"
#include "lathe/search_space/members.hpp"
#include "search_space/shipped_space.hpp"

using namespace lathe;

namespace {

genotype canonical(std::string_view cell) { return cell_space().canonical(parse_cell(cell)); }

bool has_tensor(const network& net, const std::string& tensor) {
    for (const auto& n : net.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            if (p.ref->tensor == tensor) return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("random cells keep the promises of a search space") {
    test::check_shipped(cell_space(), 400);
    test::check_shipped(cell_space({.input_channels = 1, .resolution = 28, .cells_per_stage = 2,
                                     .widths = {8, 16}}),
                         100);
}

TEST_CASE("two cells are one member exactly when they lower to one network") {
    const cell_space space({.input_channels = 1, .resolution = 2, .classes = 2, .widths = {2}});
    std::map<hash64, genotype> members;
    std::set<genotype> canonical_forms;
    genotype g{{0, 0, 0, 0, 0, 0}};
    do {
        const auto c = space.canonical(g);
        canonical_forms.insert(c);
        const auto [known, fresh] = members.try_emplace(space.lower(g).identity_hash(), c);
        if (known->second != c) FAIL(format_cell(g) << " lowers like " << format_cell(known->second));
    } while (detail::next_genotype(g, space.axes()));
    CHECK(members.size() == canonical_forms.size());
    CHECK(count_members(space).exact() == canonical_forms.size());
}

TEST_CASE("the benchmark's network of 3x3 convolutions has its published size") {
    // NAS-Bench-201 gives 220.12 M FLOPs and 1.532 MB parameters for nor_conv_3x3 everywhere.
    const cell_space space({.cells_per_stage = 5});
    const network net = space.lower(space.reference());
    CHECK(static_cast<double>(total_macs(net).value) == Approx(220.12e6).epsilon(0.01));
    CHECK(static_cast<double>(total_parameters(net).value) == Approx(1.532e6).epsilon(0.01));
    CHECK(net.at(net.find("r1_add")).type == image_type(32, 16, 16));
    CHECK(net.at(net.find("last_act")).type == image_type(64, 8, 8));
}

TEST_CASE("edges that do not count are none in the canonical form") {
    // node 1 leads nowhere
    CHECK(canonical("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|") ==
          parse_cell("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"));
    // node 2 gets nothing
    CHECK(canonical("|none~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|") ==
          parse_cell("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"));
    // no path at all passes the input on
    CHECK(canonical("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|") ==
          parse_cell("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"));
    // a pool in front of a skip connection or behind it, through either node
    CHECK(canonical("|avg_pool_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|") ==
          canonical("|none~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|"));
    // convolutions of different edges have different weights
    CHECK(canonical("|nor_conv_1x1~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|") !=
          canonical("|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|"));
}

TEST_CASE("weights belong to the edge, the op and the cell") {
    const cell_space space;
    const auto net = space.lower(
        parse_cell("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"));
    for (const std::string cell : {"c1", "c2", "c3"}) {
        CHECK(has_tensor(net, cell + ".0to1.conv3x3.weight"));
        CHECK(has_tensor(net, cell + ".1to2.conv1x1.norm.scale"));
        CHECK_FALSE(has_tensor(net, cell + ".0to3.conv3x3.weight"));
    }
    CHECK(net.at(net.find("c2_0to1_conv3x3")).type == image_type(32, 16, 16));
}

TEST_CASE("a cell without a path leaves a network of residual blocks") {
    const cell_space space;
    const auto net = space.lower({{0, 0, 0, 0, 0, 0}});
    CHECK_NOTHROW(net.find("r2_add"));
    CHECK_FALSE(has_tensor(net, "c1.0to3.conv3x3.weight"));
}

TEST_CASE("cells are written and read as in the benchmark") {
    const std::string text =
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|none~2|";
    CHECK(parse_cell(text).genes == std::vector<std::uint16_t>{4, 2, 1, 2, 1, 0});
    CHECK(format_cell(parse_cell(text)) == text);
    CHECK(describe_member(cell_space(), parse_cell(text)) == text);

    using Catch::Contains;
    CHECK_THROWS_WITH(parse_cell(""), Contains("'|' is missing"));
    CHECK_THROWS_WITH(parse_cell("|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
                      Contains("0->1") && Contains("'conv'") && Contains("nor_conv_3x3"));
    CHECK_THROWS_WITH(parse_cell("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|"), Contains("~0|"));
    CHECK_THROWS_WITH(parse_cell(text + "x"), Contains("'x' follows"));
    CHECK_THROWS_AS(format_cell({{0, 0, 0, 0, 0, 5}}), error);
}

TEST_CASE("a wrong cell specification is refused with the name of its member") {
    using Catch::Contains;
    CHECK_THROWS_WITH(cell_space({.resolution = 30}),
                      Contains("resolution") && Contains("multiple of 4"));
    CHECK_THROWS_WITH(cell_space({.cells_per_stage = 0}), Contains("cells_per_stage"));
    CHECK_THROWS_WITH(cell_space({.widths = {}}), Contains("widths"));
    CHECK_THROWS_WITH(cell_space({.widths = {16, 0}}), Contains("widths"));
}
