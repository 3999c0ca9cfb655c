// SPDX-License-Identifier: Apache-2.0
// Names, parameters and structure of the ops; shapes and MACs are in op_shapes.cpp.
#include "lathe/network/ops.hpp"

namespace lathe {
namespace {

void add_pair(hasher& h, const extent2& e) {
    h.add(static_cast<std::uint64_t>(e[0])).add(static_cast<std::uint64_t>(e[1]));
}

}  // namespace

std::string_view name_of(const input_op&) { return "input"; }
std::string_view name_of(const conv2d_op&) { return "conv2d"; }
std::string_view name_of(const batch_norm_op&) { return "batch_norm"; }
std::string_view name_of(const activation_op&) { return "activation"; }
std::string_view name_of(const add_op&) { return "add"; }
std::string_view name_of(const channel_gate_op&) { return "channel_gate"; }
std::string_view name_of(const pool_op&) { return "pool"; }
std::string_view name_of(const global_pool_op&) { return "global_pool"; }
std::string_view name_of(const concat_op&) { return "concat"; }
std::string_view name_of(const linear_op&) { return "linear"; }
std::string_view name_of(const softmax_op&) { return "softmax"; }

std::vector<parameter> parameters_of(const input_op&) { return {}; }
std::vector<parameter> parameters_of(const conv2d_op& o) {
    std::vector<parameter> list{{param_role::conv_weight, &o.weight}};
    if (o.bias) list.push_back({param_role::bias, &*o.bias});
    return list;
}
std::vector<parameter> parameters_of(const batch_norm_op& o) {
    return {{param_role::norm_scale, &o.scale}, {param_role::norm_shift, &o.shift}};
}
std::vector<parameter> parameters_of(const activation_op&) { return {}; }
std::vector<parameter> parameters_of(const add_op&) { return {}; }
std::vector<parameter> parameters_of(const channel_gate_op& o) {
    return {{param_role::linear_weight, &o.reduce_weight},
            {param_role::bias, &o.reduce_bias},
            {param_role::linear_weight, &o.expand_weight},
            {param_role::bias, &o.expand_bias}};
}
std::vector<parameter> parameters_of(const pool_op&) { return {}; }
std::vector<parameter> parameters_of(const global_pool_op&) { return {}; }
std::vector<parameter> parameters_of(const concat_op&) { return {}; }
std::vector<parameter> parameters_of(const linear_op& o) {
    return {{param_role::linear_weight, &o.weight}, {param_role::bias, &o.bias}};
}
std::vector<parameter> parameters_of(const softmax_op&) { return {}; }

void add_structure(hasher& h, const input_op& o) { add_to(h, o.type); }
void add_structure(hasher& h, const conv2d_op& o) {
    add_pair(h, o.stride);
    add_pair(h, o.padding);
    h.add(static_cast<std::uint64_t>(o.groups));
    h.add(std::uint64_t{o.bias.has_value()});
}
void add_structure(hasher& h, const batch_norm_op& o) {
    h.add_bytes(std::as_bytes(std::span(&o.epsilon, 1)));
}
void add_structure(hasher& h, const activation_op& o) { h.add(static_cast<std::uint64_t>(o.kind)); }
void add_structure(hasher&, const add_op&) {}
void add_structure(hasher&, const channel_gate_op&) {}
void add_structure(hasher& h, const pool_op& o) {
    h.add(static_cast<std::uint64_t>(o.kind));
    add_pair(h, o.kernel);
    add_pair(h, o.stride);
    add_pair(h, o.padding);
}
void add_structure(hasher&, const global_pool_op&) {}
void add_structure(hasher&, const concat_op&) {}
void add_structure(hasher&, const linear_op&) {}
void add_structure(hasher&, const softmax_op&) {}

std::string_view name_of(const op& o) {
    return std::visit([](const auto& alternative) { return name_of(alternative); }, o);
}

std::vector<parameter> parameters_of(const op& o) {
    return std::visit([](const auto& alternative) { return parameters_of(alternative); }, o);
}

std::string_view to_string(activation kind) noexcept {
    switch (kind) {
        case activation::relu: return "relu";
        case activation::relu6: return "relu6";
        case activation::hard_swish: return "hard_swish";
        case activation::swish: return "swish";
        case activation::gelu: return "gelu";
    }
    return "unknown";
}

}  // namespace lathe
