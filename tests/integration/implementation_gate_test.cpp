// SPDX-License-Identifier: Apache-2.0
// A kernel that falls to a reference implementation costs a hundred times its share. None may, unless
// docs/engine.md lists it with its time.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "engine/primitive_cache.hpp"
#include "engine/training_plan.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/search_space/cell_space.hpp"
#include "lathe/search_space/chain_space.hpp"
#include "lathe/search_space/members.hpp"
#include "lathe/search_space/mobile_space.hpp"

using namespace lathe;

namespace {

bool is_reference(const std::string& implementation) {
    return implementation.starts_with("ref") || implementation.find(":any") != std::string::npos ||
           implementation.find("simple") != std::string::npos;
}

std::string listed_slow_paths() {
    std::ifstream file(LATHE_SOURCE_DIR "/docs/engine.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Members of every preset that differ most, and some drawn at random.
std::vector<network> preset_members() {
    constexpr int drawn = 12;
    std::vector<network> nets;
    rng random(1);
    const auto draw = [&](const auto& space) {
        for (int i = 0; i < drawn; ++i) nets.push_back(space.lower(sample_member(space, random)));
    };
    for (const auto& spec : {mobile28(), mobile32()}) {
        const mobile_space space(spec);
        nets.push_back(space.lower(space.largest()));
        nets.push_back(space.lower(space.smallest()));
        draw(space);
    }
    const chain_space chains(chain28());
    nets.push_back(chains.lower(chains.largest()));
    draw(chains);
    const cell_space cells(cell32());
    nets.push_back(cells.lower(cells.reference()));
    draw(cells);
    return nets;
}

}  // namespace

TEST_CASE("no hot layer falls to a reference implementation at inference") {
    const std::string listed = listed_slow_paths();
    for (const auto& net : preset_members()) {
        for (const std::int32_t batch : {1, 16}) {
            for (const auto& step : compile(net, {.batch = batch}).steps) {
                INFO(step.operation << " runs as " << step.implementation);
                CHECK_FALSE((is_reference(step.implementation) &&
                             listed.find(step.implementation) == std::string::npos));
                CHECK_FALSE(step.implementation.empty());
            }
        }
    }
}

TEST_CASE("no hot layer falls to a reference implementation in training") {
    const std::string listed = listed_slow_paths();
    pass_counters counters;
    detail::primitive_cache primitives(1 << 16, counters);
    const dnnl::stream stream(detail::cpu_engine());
    const detail::thread_scope threads(2);
    std::vector<float> memory(1 << 20);
    const parameter_access access = [&](const param_ref&) {
        return parameter_memory{memory.data(), memory.data()};
    };
    std::vector<element_type> types{element_type::f32};
    if (has_fast_bf16()) types.push_back(element_type::bf16);
    for (const auto& net : preset_members()) {
        for (const auto type : types) {
            (void)detail::plan_training({net, 32, 2, access, primitives, stream, type},
                                        pass_kind::training);
        }
    }
    CHECK(primitives.implementations().size() >= 4);
    for (const auto& name : primitives.implementations()) {
        INFO(name);
        CHECK_FALSE((is_reference(name) && listed.find(name) == std::string::npos));
    }
}

TEST_CASE("the gate tells a reference implementation from a fast one") {
    CHECK(is_reference("ref:any"));
    CHECK(is_reference("simple:any"));
    CHECK(is_reference("ref_fused_convolution:any"));
    CHECK_FALSE(is_reference("brgconv_1x1:avx512_core"));
    CHECK_FALSE(is_reference("jit:avx2"));
    CHECK_FALSE(is_reference("lathe:channel_mean"));
}
