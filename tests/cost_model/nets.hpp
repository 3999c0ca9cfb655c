// SPDX-License-Identifier: Apache-2.0
// Small networks, and a stand-in for the compiler.
#pragma once

#include <vector>

#include "lathe/network/network.hpp"
#include "lathe/network/program.hpp"

namespace nets {

/// Image -> 3x3 convolutions with relu -> pooling -> linear. Different arguments, different costs.
inline lathe::network plain(std::int64_t channels, int depth = 1) {
    using namespace lathe;
    network_builder b;
    value_id x = b.input("image", image_type(1, 8, 8));
    std::int64_t in = 1;
    for (int d = 0; d < depth; ++d) {
        const std::string name = "conv" + std::to_string(d);
        conv2d_op conv;
        conv.weight = whole(name + ".weight", {channels, in, 3, 3});
        conv.padding = {1, 1};
        x = b.add(name, conv, {x});
        x = b.add(name + "_relu", activation_op{activation::relu}, {x});
        in = channels;
    }
    x = b.add("pool", global_pool_op{}, {x});
    x = b.add("head", linear_op{whole("head.weight", {10, in}), whole("head.bias", {10})}, {x});
    b.output(x, output_role::logits);
    return std::move(b).build();
}

inline std::vector<lathe::network> family(int members) {
    std::vector<lathe::network> nets;
    for (int i = 0; i < members; ++i) nets.push_back(plain(4 + 4 * (i % 8), 1 + i % 5));
    return nets;
}

/// One step per layer that has parameters; one float per channel and pixel in the arena.
inline lathe::program compile(const lathe::network& net, const lathe::deployment& d) {
    using namespace lathe;
    program p;
    p.structure = net.structure_hash();
    p.target = d;
    p.tile = d.batch;
    p.exact = true;
    for (const node& n : net.nodes()) {
        const auto count = element_count(n.type, d.batch);
        p.plan.arena_bytes = std::max(p.plan.arena_bytes, 4 * count);
        if (parameters_of(n.operation).empty()) continue;
        program_step step;
        step.name = n.name;
        step.operation = std::string(name_of(n.operation)) + ' ' + to_string(n.type);
        step.macs = mac_count(node_macs(net, n).value * d.batch);
        p.steps.push_back(step);
    }
    p.weight_bytes = byte_count(4 * total_parameters(net).value);
    return p;
}

}  // namespace nets
