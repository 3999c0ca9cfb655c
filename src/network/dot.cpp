// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstddef>

#include "lathe/core/text.hpp"
#include "lathe/network/network.hpp"

namespace lathe {
namespace {

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

std::string_view to_text(output_role role) {
    switch (role) {
        case output_role::logits: return "logits";
        case output_role::probabilities: return "probabilities";
        case output_role::features: return "features";
    }
    return "unknown";
}

}  // namespace

std::string to_dot(const network& net) {
    std::string dot = "digraph network {\n  node [shape=box, fontname=\"sans-serif\"];\n";
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        const node& n = net.nodes()[i];
        // Quoting comes first: it must not touch the line breaks that Graphviz reads as \n.
        std::string label = quoted(n.name);
        label.pop_back();
        label += fmt::format("\\n{}", name_of(n.operation));
        if (const auto macs = node_macs(net, n).value; macs > 0) {
            label += fmt::format("\\n{} MACs", format_count(static_cast<double>(macs)));
        }
        dot += fmt::format("  n{} [label={}\"];\n", i, label);
        for (const auto in : n.inputs) {
            dot += fmt::format("  n{} -> n{} [label={}];\n", in, i,
                               quoted(to_string(net.at(in).type)));
        }
    }
    for (std::size_t i = 0; i < net.outputs().size(); ++i) {
        const auto& out = net.outputs()[i];
        dot += fmt::format("  out{} [label=\"{}\", shape=ellipse];\n", i, to_text(out.role));
        dot += fmt::format("  n{} -> out{} [label={}];\n", out.value, i,
                           quoted(to_string(net.at(out.value).type)));
    }
    return dot + "}\n";
}

}  // namespace lathe
