// SPDX-License-Identifier: Apache-2.0
#include "export/onnx_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <variant>

#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

void set_type(onnx::ValueInfoProto& info, const std::string& name, const tensor_type& type) {
    if (type.element != element_type::f32 || type.quantized) {
        throw error(errc::unsupported, fmt::format("ONNX value '{}'", name),
                    fmt::format("its type is {}", to_string(type)),
                    "this version exports f32 networks");
    }
    info.set_name(name);
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(onnx::TensorProto::FLOAT);
    auto& shape = *tensor.mutable_shape();
    for (const dim& d : type.dims) {
        d.is_symbol() ? shape.add_dim()->set_dim_param(d.symbol())
                      : shape.add_dim()->set_dim_value(d.size());
    }
}

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
}

}  // namespace

onnx_writer::onnx_writer(const network& net, const weight_reader& weights,
                         const calibrated_statistics& statistics, const onnx_options& options,
                         onnx::GraphProto& graph)
    : net_(net),
      weights_(weights),
      statistics_(statistics),
      fold_(options.fold_batch_norm),
      graph_(graph) {
    for (const node& n : net.nodes()) names_.insert(n.name);
}

std::vector<std::string> onnx_writer::inputs(value_id id) const {
    std::vector<std::string> names;
    for (const value_id in : net_.at(id).inputs) names.push_back(net_.at(in).name);
    return names;
}

std::optional<value_id> onnx_writer::norm_folded_into(value_id conv) const {
    if (!fold_ || !std::holds_alternative<conv2d_op>(net_.at(conv).operation)) return {};
    const auto users = net_.users(conv);
    const auto is_conv = [&](const network_output& o) { return o.value == conv; };
    if (users.size() != 1 || std::ranges::any_of(net_.outputs(), is_conv) ||
        !std::holds_alternative<batch_norm_op>(net_.at(users[0]).operation)) {
        return {};
    }
    return users[0];
}

bool onnx_writer::is_folded(value_id norm) const {
    return norm_folded_into(net_.at(norm).inputs.front()).has_value();
}

std::vector<float> onnx_writer::read(const param_ref& ref) const {
    const auto place = fmt::format("tensor '{}'", ref.tensor);
    if (ref.element != element_type::f32) {
        throw error(errc::unsupported, place,
                    fmt::format("its elements are {}", to_string(ref.element)),
                    "this version exports f32 networks");
    }
    std::vector<float> values(static_cast<std::size_t>(element_count(ref)));
    weights_(ref, values);
    const auto bad = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
    if (bad != values.end()) {
        throw error(errc::numeric, place,
                    fmt::format("element {} of the part in use is {}", bad - values.begin(), *bad),
                    "the training has diverged; export an earlier checkpoint");
    }
    return values;
}

std::string onnx_writer::unique_name(std::string wanted) {
    while (!names_.insert(wanted).second) wanted += '_';
    return wanted;
}

std::string onnx_writer::constant(std::string name, std::span<const std::int64_t> shape,
                                  std::span<const float> values) {
    static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");
    auto& tensor = *graph_.add_initializer();
    tensor.set_name(unique_name(std::move(name)));
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : shape) tensor.add_dims(extent);
    tensor.set_raw_data(values.data(), values.size_bytes());
    return tensor.name();
}

std::string onnx_writer::constant(std::string name, std::span<const std::int64_t> shape,
                                  const param_ref& ref) {
    return constant(std::move(name), shape, read(ref));
}

std::string onnx_writer::scalar(std::string_view name, float value) {
    auto& known = scalars_[value];
    if (known.empty()) known = constant(std::string(name), {}, std::span(&value, 1));
    return known;
}

onnx::NodeProto& onnx_writer::add(const char* type, const std::string& name,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output) {
    auto& node = *graph_.add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string& in : inputs) node.add_input(in);
    node.add_output(output);
    return node;
}

onnx::NodeProto& onnx_writer::add(const char* type, value_id id,
                                  const std::vector<std::string>& inputs) {
    return add(type, layer(id).name, inputs, layer(id).name);
}

onnx::NodeProto& onnx_writer::add_inner(const char* type, value_id id, std::string_view step,
                                        const std::vector<std::string>& inputs) {
    const std::string name = unique_name(fmt::format("{}_{}", layer(id).name, step));
    return add(type, name, inputs, name);
}

void onnx_writer::add_input(const std::string& name, const tensor_type& type) {
    set_type(*graph_.add_input(), name, type);
}

void onnx_writer::add_output(const std::string& name, const tensor_type& type) {
    if (!outputs_.insert(name).second) {
        throw error(errc::bad_input, fmt::format("ONNX output '{}'", name),
                    "the network lists this value as two outputs", "list it once");
    }
    set_type(*graph_.add_output(), name, type);
}

void onnx_writer::add_value_type(const std::string& name, const tensor_type& type) {
    if (!outputs_.contains(name)) set_type(*graph_.add_value_info(), name, type);
}

void set_attribute(onnx::NodeProto& node, const char* name, std::int64_t value) {
    add_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, float value) {
    add_attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, std::span<const std::int64_t> values) {
    auto& attribute = add_attribute(node, name, onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
}

}  // namespace lathe::detail
