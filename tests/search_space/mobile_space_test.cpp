// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/mobile_space.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <map>
#include <string>

#include "lathe/core/error.hpp"
#include "search_space/shipped_space.hpp"

using namespace lathe;

namespace {

/// Small enough to visit every genotype; every feature of the specification is used.
mobile_space_spec tiny_spec() {
    mobile_space_spec spec;
    spec.input_channels = 2;
    spec.resolutions = {8, 11};
    spec.classes = 4;
    spec.stem_widths = {8, 16};
    spec.stem_stride = 2;
    spec.stem_act = activation::hard_swish;
    mobile_stage first;
    first.widths = {16};
    first.max_depth = 2;
    first.expansions = {1, 2};
    first.kernels = {3, 7};
    first.gate = gate_choice::optional;
    mobile_stage second;
    second.widths = {16, 24};
    second.stride = 2;
    second.expansions = {3};
    second.kernels = {5};
    second.gate = gate_choice::always;
    second.act = activation::swish;
    spec.stages = {first, second};
    spec.head_width = 32;
    return spec;
}

genotype read(const mobile_space& space, std::string_view text) {
    return parse_genotype(text, space.axes());
}

const param_ref& weight(const network& net, std::string_view layer) {
    return std::get<conv2d_op>(net.at(net.find(layer)).operation).weight;
}

bool has(const network& net, std::string_view layer) {
    return std::any_of(net.nodes().begin(), net.nodes().end(),
                       [&](const node& n) { return n.name == layer; });
}

template <class Change>
std::string refusal(Change change) {
    auto spec = tiny_spec();
    change(spec);
    try {
        const mobile_space space(std::move(spec));
    } catch (const error& e) {
        CHECK(e.code() == errc::bad_input);
        return e.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("members of the presets keep the promises of an elastic space") {
    test::check_shipped(mobile_space(mobile28()), 500);
    test::check_shipped(mobile_space(mobile32()), 500);
    test::check_shipped(mobile_space(tiny_spec()), 300);
}

TEST_CASE("presets have the promised size") {
    const mobile_space small_images(mobile28());
    const mobile_space large_images(mobile32());
    for (const auto* space : {&small_images, &large_images}) {
        const auto largest = total_macs(space->lower(space->largest())).value;
        const auto smallest = total_macs(space->lower(space->smallest())).value;
        CHECK(largest >= 10'000'000);
        CHECK(largest <= 20'000'000);
        CHECK(8 * smallest <= largest);
        REQUIRE(space->count().exact());
        CHECK(*space->count().exact() >= 1'000'000'000);
        for (const auto& stage : space->spec().stages) {
            CHECK(stage.kernels == std::vector<std::int64_t>{3, 5, 7});
            CHECK(stage.max_depth > stage.min_depth);
            CHECK(stage.expansions.size() > 1);
            CHECK(stage.widths.size() > 1);
            for (const auto width : stage.widths) CHECK(width % 16 == 0);
        }
    }
    CHECK(small_images.lower(small_images.largest()).at(0).type == image_type(1, 28, 28));
    CHECK(large_images.lower(large_images.largest()).at(0).type == image_type(3, 32, 32));
    CHECK(large_images.spec().resolutions == std::vector<std::int64_t>{24, 28, 32});
}

TEST_CASE("two equal genotypes mean one network, all of them in a small space") {
    const mobile_space space(tiny_spec());
    std::map<hash64, genotype> members;
    genotype g = space.smallest();
    std::uint64_t canonical = 0;
    do {
        const genotype c = space.canonical(g);
        canonical += c == g;
        const auto [known, fresh] = members.try_emplace(space.lower(g).identity_hash(), c);
        CHECK(known->second == c);
    } while (detail::next_genotype(g, space.axes()));
    CHECK(members.size() == canonical);
    CHECK(space.count().exact() == canonical);
    // 2 resolutions, 2 stems, 2 gates, (4 + 4^2) blocks, 2 widths
    CHECK(canonical == 2 * 2 * 2 * 20 * 2);
}

TEST_CASE("sampling is uniform over members") {
    const mobile_space space(tiny_spec());
    std::map<genotype, int> seen;
    rng random(5);
    constexpr int draws = 32000;
    for (int i = 0; i < draws; ++i) {
        const auto g = sample_member(space, random);
        CHECK(space.canonical(g) == g);
        ++seen[g];
    }
    REQUIRE(seen.size() == 320);
    double chi_squared = 0;
    for (const auto& [g, n] : seen) chi_squared += (n - 100.0) * (n - 100.0) / 100.0;
    // 319 degrees of freedom: mean 319, standard deviation 25.3.
    CHECK(chi_squared < 319 + 4 * 25.3);
    CHECK(chi_squared > 319 - 4 * 25.3);

    rng again(5);
    rng same(5);
    for (int i = 0; i < 20; ++i) CHECK(space.sample(again) == space.sample(same));
}

TEST_CASE("weights are leading slices and kernel centres of the largest member's") {
    const mobile_space space(mobile32());
    // resolution 28; s1 width 16, depth 1, e3 k5; s2 width 48, depth 2, e2 k3, e3 k7; s3 width 80 ...
    const network net = space.lower(read(space, "1.0.0.1.1.0.0.0.0.0.0.1.2.0.0.0.0.0.0.0.0.0.0"));
    CHECK(net.at(0).type == image_type(3, 28, 28));

    const auto& depthwise = weight(net, "s1_b1_dw5x5");
    CHECK(depthwise.tensor == "s1.b1.dw.weight");
    CHECK(depthwise.full_shape == std::vector<std::int64_t>{48, 1, 7, 7});
    const auto region = resolve(depthwise);
    CHECK(region.shape == std::vector<std::int64_t>{48, 1, 5, 5});
    CHECK(region.ranges[2] == std::vector<index_range>{{1, 6}});
    CHECK(region.ranges[3] == std::vector<index_range>{{1, 6}});

    const auto& expand = weight(net, "s2_b2_expand");
    CHECK(expand.tensor == "s2.b2.expand.weight");
    CHECK(expand.full_shape == std::vector<std::int64_t>{256, 64, 1, 1});
    CHECK(shape_of(expand) == std::vector<std::int64_t>{144, 48, 1, 1});
    CHECK(resolve(expand).ranges[0] == std::vector<index_range>{{0, 144}});

    const auto& scale =
        std::get<batch_norm_op>(net.at(net.find("s2_b2_expand_norm")).operation).scale;
    CHECK(scale.tensor == "s2.b2.expand.norm.scale");
    CHECK(shape_of(scale) == std::vector<std::int64_t>{144});
    CHECK(scale.full_shape == std::vector<std::int64_t>{256});

    CHECK(has(net, "s2_b2_dw7x7"));
    CHECK(has(net, "s2_b2_add"));
    CHECK_FALSE(has(net, "s2_b1_add"));
    CHECK_FALSE(has(net, "s2_b3_expand"));
}

TEST_CASE("gates, expansion 1, strides and activations follow the specification") {
    const mobile_space space(tiny_spec());
    // resolution 11, stem 16, depth 2, gate yes, b1 e1 k3, b2 e2 k7, s2 width 24
    const network net = space.lower(read(space, "1.1.1.1.0.0.1.1.1"));
    CHECK(net.at(net.find("stem")).type == image_type(16, 6, 6));
    CHECK(net.at(net.find("s2_b1_dw5x5")).type == image_type(48, 3, 3));
    CHECK_FALSE(has(net, "s1_b1_expand"));
    CHECK(has(net, "s1_b1_add"));
    CHECK(has(net, "s1_b2_gate"));
    CHECK(has(net, "s2_b1_gate"));
    CHECK_FALSE(has(space.lower(read(space, "1.1.1.0.0.0.1.1.1")), "s1_b2_gate"));
    CHECK(has(space.lower(read(space, "1.1.1.0.0.0.1.1.1")), "s2_b1_gate"));

    const auto& gate = std::get<channel_gate_op>(net.at(net.find("s1_b2_gate")).operation);
    CHECK(shape_of(gate.reduce_weight) == std::vector<std::int64_t>{8, 32});
    CHECK(gate.reduce_weight.tensor == "s1.b2.gate.reduce.weight");
    CHECK(std::get<activation_op>(net.at(net.find("stem_act")).operation).kind ==
          activation::hard_swish);
    CHECK(std::get<activation_op>(net.at(net.find("s2_b1_expand_act")).operation).kind ==
          activation::swish);
    CHECK(space.describe(read(space, "1.1.1.1.0.0.1.1.1")) ==
          "11x11, stem 16 | 16+gate: e1 k3, e2 k7 | 24+gate: e3 k5");
    CHECK(describe_member(space, space.smallest()) ==
          "8x8, stem 8 | 16: e1 k3 | 16+gate: e3 k5");
}

TEST_CASE("options without a choice have no axis") {
    auto spec = tiny_spec();
    spec.resolutions = {8};
    spec.stem_widths = {8};
    spec.stages.erase(spec.stages.begin());
    spec.stages[0].widths = {16};
    const mobile_space space(spec);
    CHECK(space.axes().empty());
    CHECK(space.count().exact() == 1);
    CHECK(space.largest() == space.smallest());
    CHECK_NOTHROW(space.lower({}));
}

TEST_CASE("a wrong specification is refused with the name of its member") {
    using Catch::Contains;
    CHECK(refusal([](auto&) {}) == "accepted");
    CHECK_THAT(refusal([](auto& s) { s.resolutions.clear(); }), Contains("resolutions"));
    CHECK_THAT(refusal([](auto& s) { s.resolutions = {32, 24}; }), Contains("[32, 24]"));
    CHECK_THAT(refusal([](auto& s) { s.classes = 1; }), Contains("classes"));
    CHECK_THAT(refusal([](auto& s) { s.input_channels = 0; }), Contains("input_channels"));
    CHECK_THAT(refusal([](auto& s) { s.stem_widths = {12}; }), Contains("multiples of 8"));
    CHECK_THAT(refusal([](auto& s) { s.stem_stride = 0; }), Contains("stem_stride"));
    CHECK_THAT(refusal([](auto& s) { s.head_width = 0; }), Contains("head_width"));
    CHECK_THAT(refusal([](auto& s) { s.stages.clear(); }), Contains("stages"));
    CHECK_THAT(refusal([](auto& s) { s.stages[1].widths = {16, 16}; }), Contains("stages[1].widths"));
    CHECK_THAT(refusal([](auto& s) { s.stages[1].kernels = {3, 4}; }), Contains("odd numbers"));
    CHECK_THAT(refusal([](auto& s) { s.stages[0].expansions = {0}; }),
               Contains("stages[0].expansions"));
    CHECK_THAT(refusal([](auto& s) { s.stages[0].min_depth = 3; }), Contains("stages[0].max_depth"));
    CHECK_THAT(refusal([](auto& s) { s.stages[0].min_depth = 0; }), Contains("stages[0].min_depth"));
    CHECK_THAT(refusal([](auto& s) { s.stages[0].stride = -1; }), Contains("stages[0].stride"));
}
