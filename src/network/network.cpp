// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe {
namespace {

enum class naming : std::uint8_t { ignored, included };

hash64 hash_network(std::span<const node> nodes, std::span<const network_output> outputs,
                    naming names) {
    hasher h;
    for (const auto& n : nodes) {
        h.add(name_of(n.operation));
        std::visit([&](const auto& o) { add_structure(h, o); }, n.operation);
        for (const auto& p : parameters_of(n.operation)) {
            names == naming::included ? add_identity(h, *p.ref) : add_structure(h, *p.ref);
        }
        h.add(std::uint64_t{n.inputs.size()});
        for (const auto in : n.inputs) h.add(static_cast<std::uint64_t>(in));
    }
    for (const auto& out : outputs) {
        h.add(static_cast<std::uint64_t>(out.value)).add(static_cast<std::uint64_t>(out.role));
        h.add(std::uint64_t{out.exit.has_value()});
        if (out.exit) h.add_bytes(std::as_bytes(std::span(&out.exit->confidence, 1)));
    }
    return h.value();
}

void require_countable(const tensor_type& type, const std::string& layer) {
    std::vector<std::int64_t> extents;
    for (const auto& d : type.dims) {
        if (!d.is_symbol()) extents.push_back(d.size());
    }
    if (is_countable(extents)) return;
    throw error(errc::shape, fmt::format("layer '{}'", layer),
                fmt::format("its result {} has more than {} elements for one input",
                            to_string(type), most_elements),
                "give smaller images, fewer channels or a larger stride");
}

/// One tensor name stands for one full shape in the whole network.
void check_tensor_shapes(std::span<const node> nodes) {
    struct first_use {
        const param_ref* ref;
        const std::string* layer;
    };
    std::unordered_map<std::string, first_use> seen;
    for (const auto& n : nodes) {
        for (const auto& p : parameters_of(n.operation)) {
            const auto [it, fresh] = seen.try_emplace(p.ref->tensor, first_use{p.ref, &n.name});
            if (fresh || it->second.ref->full_shape == p.ref->full_shape) continue;
            throw error(errc::shape, fmt::format("tensor '{}'", p.ref->tensor),
                        fmt::format("layer '{}' says its full shape is [{}], layer '{}' says [{}]",
                                    *it->second.layer, fmt::join(it->second.ref->full_shape, ","),
                                    n.name, fmt::join(p.ref->full_shape, ",")),
                        "give the shared tensor one full shape and take views of it");
        }
    }
}

}  // namespace

value_id network::find(std::string_view name) const {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].name == name) return static_cast<value_id>(i);
        names.emplace_back(nodes_[i].name);
    }
    const auto near = nearest_name(name, names);
    throw error(errc::bad_input, "network", fmt::format("no layer is named '{}'", name),
                near.empty() ? std::string() : fmt::format("did you mean '{}'?", near));
}

std::vector<tensor_type> input_types(const network& net, const node& n) {
    std::vector<tensor_type> types;
    types.reserve(n.inputs.size());
    for (const auto in : n.inputs) types.push_back(net.at(in).type);
    return types;
}

mac_count node_macs(const network& net, const node& n) {
    const auto inputs = input_types(net, n);
    return mac_count(
        std::visit([&](const auto& o) { return macs_of(o, inputs, n.type); }, n.operation));
}

byte_count node_traffic(const network& net, const node& n, std::int64_t batch) {
    std::int64_t bytes = byte_size(n.type, batch);
    for (const auto in : n.inputs) bytes += byte_size(net.at(in).type, batch);
    for (const auto& p : parameters_of(n.operation)) {
        bytes += element_count(*p.ref) * size_of(p.ref->element);
    }
    return byte_count(bytes);
}

mac_count total_macs(const network& net) {
    mac_count sum;
    for (const auto& n : net.nodes()) sum += node_macs(net, n);
    return sum;
}

parameter_count total_parameters(const network& net) {
    parameter_count sum;
    for (const auto& n : net.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            sum += parameter_count(element_count(*p.ref));
        }
    }
    return sum;
}

network with_image_size(const network& net, std::int64_t height, std::int64_t width) {
    network_builder builder;
    for (const auto& n : net.nodes()) {
        const auto* input = std::get_if<input_op>(&n.operation);
        if (input == nullptr) {
            builder.add(n.name, n.operation, n.inputs);
            continue;
        }
        tensor_type type = input->type;
        if (type.dims.size() == 4) {
            type.dims[2] = height;
            type.dims[3] = width;
        }
        builder.input(n.name, std::move(type));
    }
    for (const auto& o : net.outputs()) builder.output(o.value, o.role, o.exit);
    return std::move(builder).build();
}

void network::refuse(value_id id) {
    throw error(errc::bad_input, "network", fmt::format("{} is not a value of this network", id),
                "use what the call that added a layer returned");
}

value_id network_builder::input(std::string name, tensor_type type) {
    return add(std::move(name), input_op{std::move(type)}, {});
}

value_id network_builder::add(std::string name, op operation, std::vector<value_id> inputs) {
    const auto same_name = [&](const node& n) { return n.name == name; };
    if (name.empty() || std::any_of(net_.nodes_.begin(), net_.nodes_.end(), same_name)) {
        throw error(errc::bad_input, fmt::format("layer '{}'", name),
                    name.empty() ? "a layer without a name" : "two layers have this name",
                    "give every layer a name of its own");
    }
    std::vector<tensor_type> types;
    for (const auto in : inputs) {
        if (in < 0 || static_cast<std::size_t>(in) >= net_.nodes_.size()) {
            throw error(errc::bad_input, fmt::format("layer '{}'", name),
                        fmt::format("input {} is not a value of this network", in),
                        "use what an earlier call returned");
        }
        types.push_back(net_.at(in).type);
    }
    tensor_type type = std::visit([&](const auto& o) { return infer_type(o, types, name); },
                                  operation);
    require_countable(type, name);
    const auto id = static_cast<value_id>(net_.nodes_.size());
    for (const auto in : inputs) {
        auto& users = net_.users_[static_cast<std::size_t>(in)];
        if (users.empty() || users.back() != id) users.push_back(id);
    }
    if (std::holds_alternative<input_op>(operation)) net_.inputs_.push_back(id);
    net_.nodes_.push_back({std::move(name), std::move(operation), std::move(inputs), std::move(type)});
    net_.users_.emplace_back();
    return id;
}

void network_builder::output(value_id value, output_role role, std::optional<exit_criterion> exit) {
    (void)net_.at(value);
    net_.outputs_.push_back({value, role, exit});
}

const tensor_type& network_builder::type(value_id value) const { return net_.at(value).type; }

network network_builder::build() && {
    if (net_.inputs_.empty() || net_.outputs_.empty()) {
        throw error(errc::bad_input, "network",
                    net_.inputs_.empty() ? "no input" : "no output",
                    "call input() and output() before build()");
    }
    for (std::size_t i = 0; i < net_.nodes_.size(); ++i) {
        const auto is_output = [&](const network_output& o) {
            return o.value == static_cast<value_id>(i);
        };
        if (net_.users_[i].empty() &&
            std::none_of(net_.outputs_.begin(), net_.outputs_.end(), is_output)) {
            throw error(errc::bad_input, fmt::format("layer '{}'", net_.nodes_[i].name),
                        "its result is never used", "use it, make it an output or leave it out");
        }
    }
    check_tensor_shapes(net_.nodes_);
    net_.structure_hash_ = hash_network(net_.nodes_, net_.outputs_, naming::ignored);
    net_.identity_hash_ = hash_network(net_.nodes_, net_.outputs_, naming::included);
    return std::move(net_);
}

}  // namespace lathe
