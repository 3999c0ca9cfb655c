// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/boost_graph.hpp"

#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/graph_concepts.hpp>
#include <boost/graph/topological_sort.hpp>
#include <catch2/catch.hpp>
#include <algorithm>
#include <iterator>

#include "reference/random_network.hpp"

using namespace lathe;

BOOST_CONCEPT_ASSERT((boost::VertexListGraphConcept<network_graph>));
BOOST_CONCEPT_ASSERT((boost::EdgeListGraphConcept<network_graph>));
BOOST_CONCEPT_ASSERT((boost::BidirectionalGraphConcept<network_graph>));

namespace {

/// x -> a -> b -> d, a -> c -> d (twice), d -> e
network diamond() {
    network_builder n;
    const auto x = n.input("x", image_type(1, 2, 2));
    const auto a = n.add("a", activation_op{}, {x});
    const auto b = n.add("b", activation_op{}, {a});
    const auto c = n.add("c", activation_op{}, {a});
    const auto d = n.add("d", concat_op{}, {c, b, c});
    n.output(n.add("e", activation_op{}, {d}), output_role::features);
    return std::move(n).build();
}

}  // namespace

TEST_CASE("vertices are values and edges are inputs") {
    const network_graph g(diamond());
    CHECK(num_vertices(g) == 6);
    CHECK(num_edges(g) == 7);
    const auto [first_out, last_out] = out_edges(3, g);
    CHECK(std::vector<graph_edge>(first_out, last_out) ==
          std::vector<graph_edge>{{3, 4, 0}, {3, 4, 2}});
    const auto [first_in, last_in] = in_edges(4, g);
    CHECK(std::vector<graph_edge>(first_in, last_in) ==
          std::vector<graph_edge>{{3, 4, 0}, {2, 4, 1}, {3, 4, 2}});
    CHECK(out_degree(1, g) == 2);
    CHECK(in_degree(0, g) == 0);
    CHECK(degree(4, g) == 4);
    const auto [first, last] = edges(g);
    CHECK(std::distance(first, last) == 7);
}

TEST_CASE("Boost's algorithms run on a network") {
    const network_graph g(diamond());
    std::vector<value_id> backwards;
    boost::topological_sort(g, std::back_inserter(backwards));
    CHECK(backwards.front() == 5);
    CHECK(backwards.back() == 0);

    std::vector<value_id> dominator(num_vertices(g), network_graph::null_vertex());
    boost::lengauer_tarjan_dominator_tree(
        g, 0, boost::make_iterator_property_map(dominator.begin(), get(boost::vertex_index, g)));
    CHECK(dominator == std::vector<value_id>{-1, 0, 1, 1, 1, 4});
}

TEST_CASE("the order of a topological sort respects every edge of random networks") {
    for (std::uint64_t i = 0; i < 30; ++i) {
        const network net = reference::random_network(rng(41, i), 20);
        const network_graph g(net);
        std::vector<value_id> order;
        boost::topological_sort(g, std::back_inserter(order));
        std::reverse(order.begin(), order.end());
        std::vector<std::size_t> place(order.size());
        for (std::size_t k = 0; k < order.size(); ++k) place[static_cast<std::size_t>(order[k])] = k;
        std::size_t inputs = 0;
        for (std::size_t v = 0; v < net.nodes().size(); ++v) {
            inputs += net.nodes()[v].inputs.size();
            CHECK(in_degree(static_cast<value_id>(v), g) == net.nodes()[v].inputs.size());
            for (const auto in : net.nodes()[v].inputs) {
                CHECK(place[static_cast<std::size_t>(in)] < place[v]);
            }
        }
        CHECK(num_edges(g) == inputs);
        std::size_t outgoing = 0;
        for (auto [v, end] = vertices(g); v != end; ++v) outgoing += out_degree(*v, g);
        CHECK(outgoing == inputs);
    }
}
