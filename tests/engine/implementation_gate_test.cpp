// SPDX-License-Identifier: Apache-2.0
// A kernel that falls to a reference implementation costs a hundred times its share. None may, unless
// docs/engine.md lists it with its time.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "engine/primitive_cache.hpp"
#include "engine/training_plan.hpp"
#include "lathe/engine/compile.hpp"

using namespace lathe;

namespace {

/// Inverted bottlenecks in the shapes of the presets: every kernel, both strides, usual widths.
network block(std::int64_t channels, std::int64_t hidden, std::int64_t out, std::int64_t kernel,
              std::int64_t stride, std::int64_t size) {
    network_builder b;
    auto x = b.input("image", image_type(3, size, size));
    const auto conv_norm = [&](const std::string& name, value_id in, std::int64_t to,
                               std::int64_t k, std::int64_t s, std::int64_t groups) {
        const std::int64_t from = b.type(in).dims[1].size();
        conv2d_op conv{whole(name + ".w", {to, from / groups, k, k}), {}};
        conv.stride = {s, s};
        conv.padding = {k / 2, k / 2};
        conv.groups = groups;
        in = b.add(name, conv, {in});
        return b.add(name + "_norm", batch_norm_op{whole(name + ".s", {to}), whole(name + ".t", {to})},
                     {in});
    };
    const auto relu = [&](value_id in) {
        return b.add("act" + std::to_string(in), activation_op{}, {in});
    };
    x = relu(conv_norm("stem", x, channels, 3, 1, 1));
    auto y = relu(conv_norm("expand", x, hidden, 1, 1, 1));
    y = relu(conv_norm("depthwise", y, hidden, kernel, stride, hidden));
    y = conv_norm("project", y, out, 1, 1, 1);
    if (stride == 1 && out == channels) y = b.add("sum", add_op{}, {x, y});
    y = b.add("mean", global_pool_op{}, {y});
    y = b.add("logits", linear_op{whole("l", {10, out}), whole("lb", {10})}, {y});
    b.output(y, output_role::logits);
    return std::move(b).build();
}

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

struct shape {
    std::int64_t channels, hidden, out, size;
};

std::vector<network> preset_shapes() {
    std::vector<network> nets;
    for (const auto& s : {shape{16, 48, 32, 32}, shape{32, 96, 32, 16}, shape{64, 256, 64, 8},
                          shape{112, 448, 112, 4}, shape{16, 32, 16, 14}}) {
        for (const std::int64_t kernel : {3, 5, 7}) {
            for (const std::int64_t stride : {1, 2}) {
                nets.push_back(block(s.channels, s.hidden, s.out, kernel, stride, s.size));
            }
        }
    }
    return nets;
}

}  // namespace

TEST_CASE("no hot layer falls to a reference implementation at inference") {
    const std::string listed = listed_slow_paths();
    for (const auto& net : preset_shapes()) {
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
    detail::primitive_cache primitives(4096, counters);
    const dnnl::stream stream(detail::cpu_engine());
    const detail::thread_scope threads(2);
    std::vector<float> memory(1 << 20);
    const parameter_access access = [&](const param_ref&) {
        return parameter_memory{memory.data(), memory.data()};
    };
    std::vector<element_type> types{element_type::f32};
    if (has_fast_bf16()) types.push_back(element_type::bf16);
    for (const auto& net : preset_shapes()) {
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
