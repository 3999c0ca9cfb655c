// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/network.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "lathe/core/error.hpp"
#include "network/op_table.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

struct small_spec {
    std::string prefix{};         ///< of node names
    std::string tensors = "net";  ///< prefix of tensor names
    std::int64_t full_width = 8;
    std::int64_t width = 8;
    activation act = activation::relu;
    output_role role = output_role::logits;
    std::optional<exit_criterion> exit{};
    bool swapped = false;  ///< inputs of the sum
};

/// (batch, 2, 6, 6) -> conv -> norm -> act -> conv -> sum -> mean -> linear
network small(const small_spec& s = {}) {
    network_builder b;
    const auto x = b.input(s.prefix + "image", image_type(2, 6, 6));
    const auto c1 = b.add(s.prefix + "c1",
                          conv2d_op{leading(s.tensors + ".c1", {s.full_width, 2, 3, 3},
                                            {s.width, 2, 3, 3}),
                                    {}, {2, 2}, {1, 1}, 1},
                          {x});
    const auto n1 = b.add(s.prefix + "n1",
                          batch_norm_op{leading(s.tensors + ".scale", {s.full_width}, {s.width}),
                                        leading(s.tensors + ".shift", {s.full_width}, {s.width})},
                          {c1});
    const auto a1 = b.add(s.prefix + "a1", activation_op{s.act}, {n1});
    const auto c2 = b.add(s.prefix + "c2",
                          conv2d_op{leading(s.tensors + ".c2", {s.full_width, 1, 3, 3},
                                            {s.width, 1, 3, 3}),
                                    {}, {1, 1}, {1, 1}, s.width},
                          {a1});
    const auto sum = b.add(s.prefix + "sum", add_op{},
                           s.swapped ? std::vector<value_id>{a1, c2} : std::vector<value_id>{c2, a1});
    const auto pool = b.add(s.prefix + "pool", global_pool_op{}, {sum});
    const auto logits = b.add(s.prefix + "logits",
                              linear_op{leading(s.tensors + ".fc", {5, s.full_width}, {5, s.width}),
                                        whole(s.tensors + ".bias", {5})},
                              {pool});
    b.output(logits, s.role, s.exit);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("a built network knows its nodes, types, users and outputs") {
    const network net = small();
    REQUIRE(net.nodes().size() == 8);
    CHECK(net.inputs().size() == 1);
    CHECK(net.at(net.find("c1")).type == image_type(8, 3, 3));
    CHECK(net.at(net.find("logits")).type == vector_type(5));
    CHECK(net.outputs()[0].value == net.find("logits"));
    const auto users = net.users(net.find("a1"));
    CHECK(std::vector<value_id>(users.begin(), users.end()) ==
          std::vector<value_id>{net.find("c2"), net.find("sum")});
    CHECK(input_types(net, net.at(net.find("sum"))) ==
          std::vector<tensor_type>{image_type(8, 3, 3), image_type(8, 3, 3)});
    CHECK_THROWS_WITH(net.find("logit"), Catch::Contains("did you mean 'logits'"));
    CHECK_THROWS_AS(net.find("nothing like it"), error);
}

TEST_CASE("MACs, parameters and traffic are those counted by hand") {
    const network net = small();
    CHECK(node_macs(net, net.at(net.find("c1"))).value == 8 * 2 * 9 * 9);
    CHECK(node_macs(net, net.at(net.find("c2"))).value == 8 * 9 * 9);
    CHECK(node_macs(net, net.at(net.find("sum"))).value == 0);
    CHECK(total_macs(net).value == 8 * 2 * 9 * 9 + 8 * 9 * 9 + 40);
    CHECK(total_parameters(net).value == 8 * 2 * 9 + 2 * 8 + 8 * 9 + 45);
    // batch 3: input, result and weights of 4 bytes each
    CHECK(node_traffic(net, net.at(net.find("c1")), 3).value ==
          4 * (3 * 2 * 36 + 3 * 8 * 9 + 8 * 2 * 9));
    CHECK(node_traffic(net, net.at(net.find("sum")), 3).value == 4 * 3 * 3 * 8 * 9);
    CHECK(node_traffic(net, net.at(net.find("logits")), 1).value == 4 * (8 + 5 + 45));
}

TEST_CASE("a network for images of another size has the same layers and parameters") {
    const network net = small({.exit = exit_criterion{0.5F}});
    const network wide = with_image_size(net, 4, 10);
    CHECK(wide.at(wide.inputs().front()).type == image_type(2, 4, 10));
    CHECK(wide.at(wide.find("sum")).type == image_type(8, 2, 5));
    CHECK(total_parameters(wide).value == total_parameters(net).value);
    CHECK(wide.outputs().front().exit->confidence == 0.5F);
    CHECK(with_image_size(wide, 6, 6).identity_hash() == net.identity_hash());
    CHECK_THROWS_WITH(with_image_size(net, 0, 6), Catch::Contains("'image'"));
}

TEST_CASE("one tensor used by two layers counts once for each") {
    network_builder b;
    const auto x = b.input("x", image_type(4, 2, 2));
    const batch_norm_op norm{whole("s", {4}), whole("t", {4})};
    const auto first = b.add("first", norm, {x});
    b.output(b.add("second", norm, {first}), output_role::features);
    CHECK(total_parameters(std::move(b).build()).value == 16);
}

TEST_CASE("layer names change neither hash, tensor names the identity alone") {
    const network net = small();
    CHECK(small({.prefix = "other_"}).structure_hash() == net.structure_hash());
    CHECK(small({.prefix = "other_"}).identity_hash() == net.identity_hash());
    const network renamed = small({.tensors = "else"});
    CHECK(renamed.structure_hash() == net.structure_hash());
    CHECK(renamed.identity_hash() != net.identity_hash());
    // the same slice of a larger tensor costs the same and computes something else
    const network slice = small({.full_width = 16});
    CHECK(slice.structure_hash() == net.structure_hash());
    CHECK(slice.identity_hash() != net.identity_hash());
    CHECK(net.structure_hash() != net.identity_hash());
}

TEST_CASE("everything else changes both hashes") {
    const network net = small();
    for (const auto& other :
         {small({.width = 4}), small({.act = activation::swish}), small({.swapped = true}),
          small({.role = output_role::features}), small({.exit = exit_criterion{0.9F}})}) {
        CHECK(other.structure_hash() != net.structure_hash());
        CHECK(other.identity_hash() != net.identity_hash());
    }
    CHECK(small({.exit = exit_criterion{0.9F}}).structure_hash() !=
          small({.exit = exit_criterion{0.8F}}).structure_hash());
    // hashes are part of file formats
    CHECK(small().structure_hash() == net.structure_hash());
}

TEST_CASE("every attribute of every op changes the hashes of its network") {
    for (const auto& c : testing::op_table()) {
        if (c.inputs.empty()) continue;  // inputs cannot follow a layer
        std::set<hash64> structures, identities;
        auto operations = c.variations;
        operations.push_back(c.operation);
        std::size_t legal = 0;
        for (const auto& operation : operations) {
            network_builder b;
            std::vector<value_id> inputs;
            for (const auto& type : c.inputs) {
                inputs.push_back(b.input("in" + std::to_string(inputs.size()), type));
            }
            try {
                b.output(b.add("layer", operation, inputs), output_role::features);
            } catch (const error& e) {
                CHECK(e.code() == errc::shape);  // other groups need other weights
                continue;
            }
            ++legal;
            const network net = std::move(b).build();
            structures.insert(net.structure_hash());
            identities.insert(net.identity_hash());
        }
        INFO(c.name);
        CHECK(legal + 1 >= operations.size());
        CHECK(structures.size() == legal);
        CHECK(identities.size() == legal);
    }
}

TEST_CASE("random networks hash alike when built alike, and differently otherwise") {
    std::map<hash64, int> seen;
    for (int i = 0; i < 200; ++i) {
        const rng random(31, static_cast<std::uint64_t>(i));
        const network net = reference::random_network(random, 12);
        CHECK(net.identity_hash() == reference::random_network(random, 12).identity_hash());
        CHECK(++seen[net.identity_hash()] == 1);
        CHECK(++seen[net.structure_hash()] == 1);
        for (std::size_t v = 0; v < net.nodes().size(); ++v) {
            for (const auto in : net.nodes()[v].inputs) {
                CHECK(in < static_cast<value_id>(v));
                const auto users = net.users(in);
                CHECK(std::count(users.begin(), users.end(), static_cast<value_id>(v)) == 1);
            }
        }
    }
}

TEST_CASE("a builder refuses what is no network") {
    using Catch::Contains;
    const activation_op relu{};
    network_builder b;
    const auto x = b.input("x", image_type(4, 2, 2));
    CHECK(b.type(x) == image_type(4, 2, 2));
    CHECK_THROWS_WITH(b.add("x", relu, {x}), Contains("'x'") && Contains("two layers"));
    CHECK_THROWS_WITH(b.input("x", vector_type(2)), Contains("two layers"));
    CHECK_THROWS_WITH(b.add("", relu, {x}), Contains("without a name"));
    CHECK_THROWS_WITH(b.add("y", relu, {7}), Contains("'y'") && Contains("input 7"));
    CHECK_THROWS_WITH(b.add("y", relu, {-1}), Contains("input -1"));
    CHECK_THROWS_WITH(b.add("y", softmax_op{}, {x}), Contains("'y'") && Contains("f32[batch,4,2,2]"));
    CHECK_THROWS_WITH(b.output(3, output_role::logits), Contains("3 is not a value"));

    const std::int64_t half = std::int64_t{1} << 16;
    CHECK_THROWS_WITH(b.input("huge", image_type(1, half, half)),
                      Contains("'huge'") && Contains("more than 2147483647 elements"));
    CHECK_THROWS_WITH(b.type(99), Contains("99 is not a value"));

    // a refused layer leaves nothing behind
    const auto y = b.add("y", relu, {x});
    b.output(y, output_role::features);
    const network net = std::move(b).build();
    CHECK(net.nodes().size() == 2);
    CHECK_THROWS_WITH(net.at(2), Contains("2 is not a value"));
    CHECK_THROWS_WITH(net.users(-1), Contains("-1 is not a value"));
}

TEST_CASE("an input is one however it was added") {
    network_builder b;
    const auto x = b.add("x", input_op{vector_type(2)}, {});
    b.output(x, output_role::features);
    const network net = std::move(b).build();
    CHECK(std::vector(net.inputs().begin(), net.inputs().end()) == std::vector{x});
}

TEST_CASE("a network has inputs, outputs and no layer for nothing") {
    using Catch::Contains;
    CHECK_THROWS_WITH(network_builder().build(), Contains("no input"));
    network_builder no_output;
    no_output.input("x", vector_type(2));
    CHECK_THROWS_WITH(std::move(no_output).build(), Contains("no output"));

    network_builder unused;
    const auto x = unused.input("x", vector_type(2));
    unused.add("idle", softmax_op{}, {x});
    unused.output(x, output_role::features);
    CHECK_THROWS_WITH(std::move(unused).build(), Contains("'idle'") && Contains("never used"));
}

TEST_CASE("one tensor name has one full shape") {
    network_builder b;
    const auto x = b.input("x", image_type(4, 2, 2));
    const auto first = b.add("first", batch_norm_op{whole("s", {4}), whole("t", {4})}, {x});
    b.output(b.add("second", batch_norm_op{leading("s", {6}, {4}), whole("t", {4})}, {first}),
             output_role::features);
    CHECK_THROWS_WITH(std::move(b).build(),
                      Catch::Contains("'s'") && Catch::Contains("'first'") &&
                          Catch::Contains("'second'") && Catch::Contains("[4]") &&
                          Catch::Contains("[6]"));
}

TEST_CASE("arbitrary weights depend on name and index alone") {
    const auto reader = arbitrary_weights();
    std::vector<float> a(6), b(6), c(6);
    reader(whole("t", {6}), a);
    reader(whole("t", {2, 3}), b);
    reader(whole("u", {6}), c);
    CHECK(a == b);
    CHECK(a != c);
    for (const float value : a) CHECK(std::abs(value) <= 0.25F);
}
