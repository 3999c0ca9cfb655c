// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <algorithm>
#include <set>

#include "lathe/core/error.hpp"
#include "lathe/network/program.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

conv2d_op conv1x1(const std::string& tensor, std::int64_t in, std::int64_t out) {
    return {whole(tensor, {out, in, 1, 1}), {}, {1, 1}, {0, 0}, 1};
}
batch_norm_op norm(const std::string& tensor, std::int64_t channels) {
    return {whole(tensor + ".s", {channels}), whole(tensor + ".t", {channels})};
}

/// 4x4 images of 16 channels through an inverted bottleneck of 64, its input added at the end.
network bottleneck() {
    network_builder b;
    const auto image = b.input("image", image_type(3, 4, 4));
    const auto x = b.add("stem", conv1x1("stem", 3, 16), {image});
    auto y = b.add("expand", conv1x1("expand", 16, 64), {x});
    y = b.add("expand_norm", norm("expand", 64), {y});
    y = b.add("expand_act", activation_op{activation::relu6}, {y});
    y = b.add("project", conv1x1("project", 64, 16), {y});
    y = b.add("project_norm", norm("project", 16), {y});
    y = b.add("sum", add_op{}, {y, x});
    y = b.add("pool", global_pool_op{}, {y});
    b.output(b.add("logits", linear_op{whole("w", {10, 16}), whole("b", {10})}, {y}),
             output_role::logits);
    return std::move(b).build();
}

std::vector<std::string> names(const program& p) {
    std::vector<std::string> result;
    for (const auto& s : p.steps) result.push_back(s.name);
    return result;
}

/// What must be in memory at each step, straight from the definition of a lifetime.
std::int64_t most_alive(const program& p) {
    std::int64_t most = 0;
    for (std::int32_t t = 0; t <= static_cast<std::int32_t>(p.steps.size()); ++t) {
        std::int64_t sum = 0;
        for (const auto& b : p.buffers) {
            if (b.first_step <= t && t <= b.last_step) sum += (b.bytes + 63) / 64 * 64;
        }
        most = std::max(most, sum);
    }
    return most;
}

}  // namespace

TEST_CASE("norms, activations and sums are folded into the layer before") {
    const program p = compile_lower_bound(bottleneck(), {});
    CHECK(names(p) == std::vector<std::string>{"stem", "expand_act", "sum", "pool", "logits"});
    CHECK(p.steps[1].nodes == std::vector<value_id>{2, 3, 4});
    CHECK(p.steps[1].operation == "conv2d b1 i16x4x4 o64 k1x1 s1x1 p0x0 g1 relu6");
    CHECK(p.steps[2].operation == "conv2d b1 i64x4x4 o16 k1x1 s1x1 p0x0 g1 add");
    CHECK(p.steps[3].operation == "global_pool b1 f32[batch,16,4,4]");
    CHECK(p.steps[4].operation == "linear b1 i16 o10");
    CHECK_FALSE(p.exact);
    CHECK(p.structure == bottleneck().structure_hash());
    for (const auto& s : p.steps) CHECK(s.implementation.empty());
}

TEST_CASE("a sum writes over the operand that nothing needs any more") {
    const program p = compile_lower_bound(bottleneck(), {});
    REQUIRE(p.steps[2].writes.size() == 1);
    CHECK(p.steps[2].writes == p.steps[0].writes);
    const auto& reads = p.steps[2].reads;
    CHECK(std::count(reads.begin(), reads.end(), p.steps[2].writes[0]) == 1);
    // image, stem (later sum), hidden, pool, logits
    REQUIRE(p.buffers.size() == 5);
    CHECK(p.buffers[0].kind == buffer_kind::input);
    CHECK(p.buffers[1].name == "stem");
    CHECK(p.buffers[1].last_step == 3);
    CHECK(p.buffers[4].kind == buffer_kind::output);
    // hidden and stem are alive together: 4 x 16 x (64 + 16) bytes
    CHECK(p.plan.lower_bound == 4 * 16 * 80);
    CHECK(p.arena_bytes().value == 4 * 16 * 80);
}

TEST_CASE("weights, MACs and traffic of a program are those counted by hand") {
    deployment two;
    two.batch = 2;
    two.streams = 3;
    const network net = bottleneck();
    const program p = compile_lower_bound(net, two);
    // a folded norm leaves one bias per channel; the stem has neither
    CHECK(p.weight_bytes.value == 4 * (48 + (16 * 64 + 64) + (64 * 16 + 16) + 170));
    std::int64_t macs = 0;
    for (const auto& s : p.steps) macs += s.macs.value;
    CHECK(macs == 2 * total_macs(net).value);
    CHECK(p.steps[1].traffic.value == 4 * (2 * 16 * 16 + 2 * 64 * 16 + 16 * 64 + 64));
    CHECK(p.steps[2].traffic.value == 4 * (2 * 64 * 16 + 2 * 16 * 16 * 2 + 64 * 16 + 16));
    CHECK(p.arena_bytes().value == 2 * 4 * 16 * 80);
    CHECK(p.peak_memory().value == p.weight_bytes.value + 3 * p.arena_bytes().value);
    CHECK(p.target == two);
}

TEST_CASE("a value that is needed later or read by its own kernel is not overwritten") {
    network_builder b;
    const auto x = b.input("x", image_type(4, 4, 4));
    const auto a = b.add("a", activation_op{}, {x});
    // reads `a` as a whole while it would write over it
    const auto y = b.add("y", add_op{}, {b.add("conv", conv1x1("w", 4, 4), {a}), a});
    const auto z = b.add("z", activation_op{activation::swish}, {y});
    b.output(y, output_role::features);
    b.output(z, output_role::logits);
    const program p = compile_lower_bound(std::move(b).build(), {});
    CHECK(names(p) == std::vector<std::string>{"a", "y", "z"});
    CHECK(p.steps[0].writes == p.steps[0].reads);
    CHECK(p.steps[1].writes != p.steps[1].reads);
    CHECK(p.steps[2].writes != p.steps[2].reads);
    for (const auto step : {1, 2}) {
        const auto& written = p.buffers[static_cast<std::size_t>(p.steps[step].writes[0])];
        CHECK(written.kind == buffer_kind::output);
        CHECK(written.last_step == 2);
    }
}

TEST_CASE("a network that only passes its input on has no steps") {
    network_builder b;
    b.output(b.input("x", vector_type(5)), output_role::features);
    const program p = compile_lower_bound(std::move(b).build(), {});
    CHECK(p.steps.empty());
    CHECK(p.arena_bytes().value == 64);
    CHECK(p.weight_bytes.value == 0);
}

TEST_CASE("programs of random networks are complete and in order") {
    for (std::uint64_t i = 0; i < 150; ++i) {
        const network net = reference::random_network(rng(51, i), 15);
        deployment target;
        target.batch = 1 + static_cast<std::int32_t>(i % 3);
        const program p = compile_lower_bound(net, target);
        CHECK(p.plan.lower_bound == most_alive(p));

        std::vector<planned_buffer> planned;
        for (const auto& b : p.buffers) planned.push_back({b.bytes, b.first_step, b.last_step});
        check_plan(planned, p.plan);

        // Every layer is computed once, after its inputs, and every buffer is alive when touched.
        std::set<value_id> done(net.inputs().begin(), net.inputs().end());
        for (std::size_t s = 0; s < p.steps.size(); ++s) {
            for (const auto id : p.steps[s].nodes) {
                for (const auto in : net.at(id).inputs) CHECK(done.count(in) == 1);
                CHECK(done.insert(id).second);
            }
            for (const auto* list : {&p.steps[s].reads, &p.steps[s].writes}) {
                for (const auto id : *list) {
                    const auto& b = p.buffers[static_cast<std::size_t>(id)];
                    CHECK(b.first_step <= static_cast<std::int32_t>(s));
                    CHECK(b.last_step >= static_cast<std::int32_t>(s));
                }
            }
        }
        CHECK(done.size() == net.nodes().size());
        std::int64_t macs = 0;
        for (const auto& s : p.steps) macs += s.macs.value;
        CHECK(macs == total_macs(net).value * target.batch);
    }
}

TEST_CASE("a deployment without inputs, threads or streams is refused") {
    deployment none;
    none.batch = 0;
    CHECK_THROWS_AS(compile_lower_bound(bottleneck(), none), error);
}
