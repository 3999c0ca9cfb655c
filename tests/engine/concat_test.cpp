// SPDX-License-Identifier: Apache-2.0
// Convolutions write right into the result of a concat, everything else is copied.
#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/check_gaps.hpp"
#include "engine/difference_to_oracle.hpp"
#include "lathe/engine/compile.hpp"
#include "network/operator_order.hpp"

using namespace lathe;

namespace {

/// What follows the concat.
enum class ending : std::uint8_t { output, in_place, read_twice };

class block_builder {
public:
    value_id convolution(const std::string& name, value_id in, std::int64_t to,
                         std::int64_t kernel) {
        const std::int64_t from = b_.type(in).dims[1].size();
        conv2d_op conv{whole(name, {to, from, kernel, kernel}), {}};
        conv.padding = {kernel / 2, kernel / 2};
        return b_.add(name, conv, {in});
    }
    value_id depthwise(const std::string& name, value_id in) {
        const std::int64_t channels = b_.type(in).dims[1].size();
        conv2d_op conv{whole(name, {channels, 1, 3, 3}), {}};
        conv.padding = {1, 1};
        conv.groups = channels;
        return b_.add(name, conv, {in});
    }
    value_id norm(const std::string& name, value_id in) {
        const std::int64_t channels = b_.type(in).dims[1].size();
        return b_.add(name,
                      batch_norm_op{whole(name + ".s", {channels}), whole(name + ".b", {channels})},
                      {in});
    }

    /// Branches that a kernel can write in place (some with channels that fill no vector), and
    /// others.
    network inception(ending end) {
        const value_id in = b_.input("image", image_type(3, 12, 9));
        const value_id one = b_.add("relu", activation_op{}, {convolution("1x1", in, 13, 1)});
        const value_id narrow = convolution("narrow", in, 4, 1);
        const value_id wide = b_.add("swish", activation_op{activation::hard_swish},
                                     {norm("norm", convolution("3x3", narrow, 20, 3))});
        const value_id filtered = depthwise("depthwise", in);
        const value_id pooled = b_.add("pool", pool_op{pooling::max, {3, 3}, {1, 1}, {1, 1}}, {in});
        const value_id last = convolution("5x5", in, 1, 5);
        const value_id all = b_.add("all", concat_op{}, {pooled, one, wide, filtered, last});
        return finish(all, end);
    }

private:
    network finish(value_id all, ending end) {
        value_id features = all;
        if (end == ending::in_place) {
            features = b_.add("sigma", activation_op{activation::gelu}, {norm("behind", all)});
        }
        if (end == ending::read_twice) {
            features = b_.add("twice", concat_op{}, {all, convolution("more", all, 6, 1)});
        }
        b_.output(features, output_role::features);
        return std::move(b_).build();
    }

    network_builder b_;
};

std::size_t values_read(const program& plan, std::string_view step) {
    const auto found = std::ranges::find(plan.steps, step, &program_step::name);
    REQUIRE(found != plan.steps.end());
    return found->reads.size();
}

}  // namespace

TEST_CASE("convolutions write into the result of a concat") {
    const auto end = GENERATE(ending::output, ending::in_place, ending::read_twice);
    const network net = block_builder().inception(end);
    const auto statistics = reference::random_statistics(net, rng(1));
    for (const deployment target : {deployment{}, {.batch = 3, .threads = 2}, {.batch = 90}}) {
        CAPTURE(static_cast<int>(end), target.batch);
        const program plan = compile(net, target);
        CHECK(values_read(plan, "all") == 2);  // what pool and depthwise made
        CHECK((plan.tiles() > 1) == (target.batch == 90));
        CHECK(compile_lower_bound(net, target).arena_bytes() <= plan.arena_bytes());
        const auto& last = plan.steps.back();
        CHECK((last.writes == last.reads) == (end == ending::in_place));
        guarded_memory memory(static_cast<std::size_t>(plan.plan.arena_bytes));
        executor run(net, reference::unit_weights(), statistics, target, memory.bytes());
        std::ranges::fill(memory.bytes(), poison);
        CHECK(difference_to_oracle(net, target.batch, run, statistics, rng(1)) < 1e-4);
        // A second run finds every buffer dirty.
        CHECK(difference_to_oracle(net, target.batch, run, statistics, rng(2)) < 1e-4);
        check_gaps(plan, memory.bytes());
    }
}

TEST_CASE("a concat of convolutions alone moves nothing and needs no memory of its own") {
    network_builder b;
    const value_id in = b.input("image", image_type(8, 16, 16));
    std::vector<value_id> parts;
    for (const std::int64_t channels : {16, 40, 8}) {
        const std::string name = "part " + std::to_string(channels);
        parts.push_back(b.add(name, conv2d_op{whole(name, {channels, 8, 1, 1}), {}}, {in}));
    }
    b.output(b.add("all", concat_op{}, parts), output_role::features);
    const network net = std::move(b).build();
    const program exact = compile(net, {});
    const auto& concat = exact.steps.back();
    CHECK(concat.name == "all");
    CHECK(concat.traffic.value == 0);
    CHECK(concat.operation ==
          "concat b1 f32[batch,16,16,16]= f32[batch,40,16,16]= f32[batch,8,16,16]=");
    CHECK(exact.arena_bytes().value == (8 + 64) * 16 * 16 * 4);
    CHECK(compile_lower_bound(net, {}).arena_bytes() == exact.arena_bytes());
    const auto statistics = reference::random_statistics(net, rng(1));
    executor run(net, reference::unit_weights(), statistics, {});
    CHECK(difference_to_oracle(net, 1, run, statistics, rng(1)) < 1e-4);
}

TEST_CASE("kernels up to the highest that leaves room between pixels") {
    for (const std::int64_t height : {16, 17}) {
        CAPTURE(height);
        network_builder b;
        const value_id in = b.input("image", image_type(2, 20, 5));
        std::vector<value_id> parts;
        for (const std::string name : {"a", "b"}) {
            conv2d_op conv{whole(name, {5, 2, height, 1}), {}};
            parts.push_back(b.add(name, conv, {in}));
        }
        b.output(b.add("all", concat_op{}, parts), output_role::features);
        const network net = std::move(b).build();
        CHECK(values_read(compile(net, {}), "all") == (height == 16 ? 0 : 2));
        const auto statistics = reference::random_statistics(net, rng(1));
        executor run(net, reference::unit_weights(), statistics, {});
        CHECK(difference_to_oracle(net, 1, run, statistics, rng(1)) < 1e-4);
    }
}

TEST_CASE("what others read, outputs, sums and curves with an exponential are copied") {
    network_builder b;
    const value_id in = b.input("image", image_type(4, 6, 6));
    const auto convolution = [&](const std::string& name) {
        return b.add(name, conv2d_op{whole(name, {6, 4, 1, 1}), {}}, {in});
    };
    const value_id shown = convolution("shown");
    const value_id twice = convolution("twice");
    const value_id summed = b.add("sum", add_op{}, {convolution("left"), convolution("right")});
    const value_id curved = b.add("curved", activation_op{activation::gelu}, {convolution("c")});
    const value_id good = convolution("good");
    const value_id all = b.add("all", concat_op{}, {shown, twice, twice, summed, curved, good});
    b.output(all, output_role::features);
    b.output(shown, output_role::features);
    const network net = std::move(b).build();
    const auto slices = detail::find_concat_slices(net, detail::fuse(net));
    REQUIRE(slices.size() == 1);
    CHECK(slices.at(good).whole == all);
    CHECK(slices.at(good).first_channel == 30);
    const auto statistics = reference::random_statistics(net, rng(1));
    executor run(net, reference::unit_weights(), statistics, {.batch = 2});
    CHECK(difference_to_oracle(net, 2, run, statistics, rng(1)) < 1e-4);
}
