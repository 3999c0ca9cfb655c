// SPDX-License-Identifier: Apache-2.0
#include "network/operation_key.hpp"

#include <fmt/format.h>

namespace lathe::detail {
namespace {

/// What the types of the inputs do not tell.
std::string details(const input_op&) { return {}; }
std::string details(const conv2d_op& o) {
    const auto w = shape_of(o.weight);
    return fmt::format(" o{} k{}x{} s{}x{} p{}x{} g{}", w[0], w[2], w[3], o.stride[0], o.stride[1],
                       o.padding[0], o.padding[1], o.groups);
}
std::string details(const batch_norm_op&) { return {}; }
std::string details(const activation_op& o) { return fmt::format(" {}", to_string(o.kind)); }
std::string details(const add_op&) { return {}; }
std::string details(const channel_gate_op& o) {
    return fmt::format(" h{}", shape_of(o.reduce_weight)[0]);
}
std::string details(const pool_op& o) {
    return fmt::format(" {} k{}x{} s{}x{} p{}x{}", o.kind == pooling::max ? "max" : "avg",
                       o.kernel[0], o.kernel[1], o.stride[0], o.stride[1], o.padding[0],
                       o.padding[1]);
}
std::string details(const global_pool_op&) { return {}; }
std::string details(const concat_op&) { return {}; }
std::string details(const linear_op& o) { return fmt::format(" o{}", shape_of(o.weight)[0]); }
std::string details(const softmax_op&) { return {}; }

/// Dense layers are all f32, so extents say enough; the rest show the whole type.
std::string input_text(const node& anchor, const tensor_type& type) {
    if (std::holds_alternative<linear_op>(anchor.operation)) {
        return fmt::format(" i{}", type.dims[1].size());
    }
    if (std::holds_alternative<conv2d_op>(anchor.operation)) {
        return fmt::format(" i{}x{}x{}", type.dims[1].size(), type.dims[2].size(),
                           type.dims[3].size());
    }
    return ' ' + to_string(type);
}

}  // namespace

std::string operation_key(const network& net, const concat_slices& slices,
                          std::span<const value_id> nodes, std::int64_t batch) {
    const node& anchor = net.at(nodes.front());
    std::string key = fmt::format("{} b{}", name_of(anchor.operation), batch);
    for (const auto in : anchor.inputs) {
        key += input_text(anchor, net.at(in).type);
        if (slices.contains(in)) key += '=';
    }
    key += std::visit([](const auto& o) { return details(o); }, anchor.operation);
    for (const auto id : nodes.subspan(1)) {
        const auto& fused = net.at(id).operation;
        if (const auto* act = std::get_if<activation_op>(&fused)) key += details(*act);
        if (std::holds_alternative<add_op>(fused)) key += " add";
    }
    return key;
}

}  // namespace lathe::detail
