// SPDX-License-Identifier: Apache-2.0
// Opt-in: runs the algorithms of Boost.Graph on a network. Needs Boost's headers; no other header of
// the library includes this one.
#pragma once

#include <boost/graph/graph_traits.hpp>
#include <boost/graph/properties.hpp>
#include <boost/iterator/counting_iterator.hpp>
#include <boost/property_map/property_map.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lathe/network/network.hpp"

namespace lathe {

/// A value on its way from the node that makes it to one that reads it.
struct graph_edge {
    value_id source = 0;
    value_id target = 0;
    std::int32_t input = 0;  ///< which of the target's inputs

    friend auto operator<=>(const graph_edge&, const graph_edge&) = default;
};

/// Models VertexListGraph, EdgeListGraph and BidirectionalGraph with an interior vertex_index: vertices
/// are value_ids, every input of a node is an edge, parallel ones included. A copy of the edges;
/// independent of the network afterwards. Construction O(nodes + edges), all access O(1).
///
///     const network_graph graph(net);
///     std::vector<value_id> order;
///     boost::topological_sort(graph, std::back_inserter(order));
class network_graph {
public:
    using vertex_descriptor = value_id;
    using edge_descriptor = graph_edge;
    using directed_category = boost::bidirectional_tag;
    using edge_parallel_category = boost::allow_parallel_edge_tag;
    struct traversal_category : boost::bidirectional_graph_tag,
                                boost::vertex_list_graph_tag,
                                boost::edge_list_graph_tag {};
    using vertices_size_type = std::size_t;
    using edges_size_type = std::size_t;
    using degree_size_type = std::size_t;
    using vertex_iterator = boost::counting_iterator<value_id>;
    using edge_iterator = const graph_edge*;
    using out_edge_iterator = const graph_edge*;
    using in_edge_iterator = const graph_edge*;
    using adjacency_iterator = void;

    explicit network_graph(const network& net) {
        for (std::size_t v = 0; v < net.nodes().size(); ++v) {
            first_in_.push_back(by_target_.size());
            first_out_.push_back(by_source_.size());
            const auto id = static_cast<value_id>(v);
            add_edges(by_target_, net.at(id), id, [](value_id) { return true; });
            for (const auto user : net.users(id)) {
                add_edges(by_source_, net.at(user), user,
                          [id](value_id source) { return source == id; });
            }
        }
        first_in_.push_back(by_target_.size());
        first_out_.push_back(by_source_.size());
    }

    [[nodiscard]] static vertex_descriptor null_vertex() noexcept { return -1; }

    friend vertices_size_type num_vertices(const network_graph& g) { return g.first_in_.size() - 1; }
    friend edges_size_type num_edges(const network_graph& g) { return g.by_target_.size(); }
    friend std::pair<vertex_iterator, vertex_iterator> vertices(const network_graph& g) {
        return {vertex_iterator(0), vertex_iterator(static_cast<value_id>(num_vertices(g)))};
    }
    friend std::pair<edge_iterator, edge_iterator> edges(const network_graph& g) {
        return {g.by_target_.data(), g.by_target_.data() + g.by_target_.size()};
    }
    friend std::pair<out_edge_iterator, out_edge_iterator> out_edges(value_id v,
                                                                     const network_graph& g) {
        return range(g.by_source_, g.first_out_, v);
    }
    friend std::pair<in_edge_iterator, in_edge_iterator> in_edges(value_id v,
                                                                  const network_graph& g) {
        return range(g.by_target_, g.first_in_, v);
    }
    friend degree_size_type out_degree(value_id v, const network_graph& g) {
        return degree(g.first_out_, v);
    }
    friend degree_size_type in_degree(value_id v, const network_graph& g) {
        return degree(g.first_in_, v);
    }
    friend degree_size_type degree(value_id v, const network_graph& g) {
        return in_degree(v, g) + out_degree(v, g);
    }
    friend vertex_descriptor source(const graph_edge& e, const network_graph&) { return e.source; }
    friend vertex_descriptor target(const graph_edge& e, const network_graph&) { return e.target; }

    friend boost::typed_identity_property_map<value_id> get(boost::vertex_index_t,
                                                            const network_graph&) {
        return {};
    }
    friend value_id get(boost::vertex_index_t, const network_graph&, value_id v) { return v; }

private:
    using edge_list = std::vector<graph_edge>;

    template <class Wanted>
    static void add_edges(edge_list& list, const node& n, value_id target, Wanted wanted) {
        for (std::size_t i = 0; i < n.inputs.size(); ++i) {
            if (wanted(n.inputs[i])) {
                list.push_back({n.inputs[i], target, static_cast<std::int32_t>(i)});
            }
        }
    }
    static std::pair<const graph_edge*, const graph_edge*> range(
        const edge_list& list, const std::vector<std::size_t>& first, value_id v) {
        const auto i = static_cast<std::size_t>(v);
        return {list.data() + first[i], list.data() + first[i + 1]};
    }
    static std::size_t degree(const std::vector<std::size_t>& first, value_id v) {
        const auto i = static_cast<std::size_t>(v);
        return first[i + 1] - first[i];
    }

    edge_list by_source_;
    edge_list by_target_;
    std::vector<std::size_t> first_out_;  ///< per vertex, and one past the end
    std::vector<std::size_t> first_in_;
};

}  // namespace lathe

template <>
struct boost::property_map<lathe::network_graph, boost::vertex_index_t> {
    using type = boost::typed_identity_property_map<lathe::value_id>;
    using const_type = type;
};
