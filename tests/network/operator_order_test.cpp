// SPDX-License-Identifier: Apache-2.0
#include "network/operator_order.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <string>

#include "lathe/network/program.hpp"
#include "reference/random_network.hpp"

using namespace lathe;
using detail::layer_group;

namespace {

bool runs_after_its_inputs(const network& net, const std::vector<layer_group>& groups) {
    std::set<value_id> there(net.inputs().begin(), net.inputs().end());
    for (const auto& g : groups) {
        for (const auto in : detail::reads_of(net, g)) {
            if (!there.contains(in)) return false;
        }
        there.insert(g.result());
    }
    return true;
}

/// The least peak of all orders: tries them all.
class every_order {
public:
    explicit every_order(const network& net, detail::concat_slices slices = {})
        : net_(net), slices_(std::move(slices)), left_(detail::fuse(net)) {}

    std::int64_t least_peak() {
        grow();
        return least_;
    }

private:
    void grow() {
        if (left_.empty()) {
            least_ = std::min(least_, detail::peak_of(net_, taken_, slices_));
            return;
        }
        for (std::size_t i = 0; i < left_.size(); ++i) {
            taken_.push_back(left_[i]);
            if (runs_after_its_inputs(net_, taken_)) {
                left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(i));
                grow();
                left_.insert(left_.begin() + static_cast<std::ptrdiff_t>(i), taken_.back());
            }
            taken_.pop_back();
        }
    }

    const network& net_;
    detail::concat_slices slices_;
    std::vector<layer_group> left_, taken_;
    std::int64_t least_ = std::numeric_limits<std::int64_t>::max();
};

/// Two branches that are wide in the middle, written layer by layer.
network two_branches() {
    network_builder b;
    const auto convolution = [&](const std::string& name, value_id in, std::int64_t from,
                                 std::int64_t to) {
        return b.add(name, conv2d_op{whole(name + ".weight", {to, from, 1, 1}), {}}, {in});
    };
    const value_id in = b.input("image", image_type(4, 8, 8));
    const value_id wide_1 = convolution("wide_1", in, 4, 64);
    const value_id wide_2 = convolution("wide_2", in, 4, 64);
    const value_id narrow_1 = convolution("narrow_1", wide_1, 64, 8);
    const value_id narrow_2 = convolution("narrow_2", wide_2, 64, 8);
    const value_id both = b.add("both", concat_op{}, {narrow_1, narrow_2});
    const value_id pooled = b.add("pool", global_pool_op{}, {both});
    b.output(b.add("logits", linear_op{whole("l.weight", {3, 16}), whole("l.bias", {3})}, {pooled}),
             output_role::logits);
    return std::move(b).build();
}

/// Three branches of one or two convolutions of random widths, put together.
network random_branches(rng random) {
    network_builder b;
    const value_id in = b.input("image", image_type(4, 8, 8));
    std::vector<value_id> parts;
    for (const std::string name : {"a", "b", "c"}) {
        value_id x = in;
        for (std::uint32_t layers = 1 + random.below(2); layers > 0; --layers) {
            const std::string layer = name + std::to_string(layers);
            const std::int64_t from = b.type(x).dims[1].size();
            const std::int64_t to = 1 + random.below(30);
            x = b.add(layer, conv2d_op{whole(layer, {to, from, 1, 1}), {}}, {x});
        }
        parts.push_back(x);
    }
    const value_id all = b.add("all", concat_op{}, parts);
    b.output(b.add("pool", global_pool_op{}, {all}), output_role::features);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("one branch is finished before the other begins") {
    const network net = two_branches();
    const auto given = detail::fuse(net);
    const auto ordered = detail::order_for_memory(net, given);
    constexpr std::int64_t channel = 8 * 8 * 4;
    CHECK(detail::peak_of(net, given) == (64 + 64 + 8) * channel);
    // the input, the first narrow one, both ends of the second branch's last convolution
    CHECK(detail::peak_of(net, ordered) == (8 + 64 + 8) * channel);
    CHECK(runs_after_its_inputs(net, ordered));

    const program p = compile_lower_bound(net, {});
    CHECK(p.plan.lower_bound == (8 + 64 + 8) * channel);
    CHECK(p.steps[1].name == "narrow_1");
}

TEST_CASE("no order of a small random network has a lower peak") {
    int better = 0;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        const network net = reference::random_network(rng(seed), 1 + static_cast<std::int64_t>(seed % 6));
        const auto given = detail::fuse(net);
        if (given.size() > 9) continue;
        INFO("seed " << seed);
        const auto ordered = detail::order_for_memory(net, given);
        REQUIRE(ordered.size() == given.size());
        CHECK(runs_after_its_inputs(net, ordered));
        CHECK(detail::peak_of(net, ordered) == every_order(net).least_peak());
        better += detail::peak_of(net, ordered) < detail::peak_of(net, given);
    }
    CHECK(better > 3);
}

TEST_CASE("no order has a lower peak where concats have their parts made in place") {
    int better = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        INFO("seed " << seed);
        const network net = random_branches(rng(seed));
        const auto given = detail::fuse(net);
        const auto slices = detail::find_concat_slices(net, given);
        CHECK(slices.size() == 3);
        const auto ordered = detail::order_for_memory(net, given, slices);
        CHECK(runs_after_its_inputs(net, ordered));
        const std::int64_t peak = detail::peak_of(net, ordered, slices);
        CHECK(peak == every_order(net, slices).least_peak());
        better += peak < detail::peak_of(net, ordered);
    }
    CHECK(better > 3);
}

TEST_CASE("a concat's parts are not made in place where that raises the peak") {
    CHECK(detail::plan_execution(two_branches()).slices.empty());
}

TEST_CASE("of networks too wide to try everything the order is no worse than the given one") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const network net = reference::random_network(rng(seed), 60);
        const auto given = detail::fuse(net);
        const auto ordered = detail::order_for_memory(net, given);
        CHECK(runs_after_its_inputs(net, ordered));
        CHECK(detail::peak_of(net, ordered) <= detail::peak_of(net, given));
    }
}

TEST_CASE("a chain stays as it is") {
    network_builder b;
    value_id x = b.input("image", image_type(4, 8, 8));
    for (int i = 0; i < 80; ++i) {
        const std::string name = "c" + std::to_string(i);
        x = b.add(name, conv2d_op{whole(name, {4, 4, 1, 1}), {}}, {x});
    }
    b.output(x, output_role::features);
    const network net = std::move(b).build();
    const auto given = detail::fuse(net);
    const auto ordered = detail::order_for_memory(net, given);
    CHECK(std::ranges::equal(given, ordered, {}, &layer_group::nodes, &layer_group::nodes));
}
