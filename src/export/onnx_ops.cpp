// SPDX-License-Identifier: Apache-2.0
// Every op as ONNX operators of opset 14, the oldest with HardSwish; Gelu, which is newer, is
// written as the operators that define it.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>

#include "export/onnx_writer.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

using shape = std::vector<std::int64_t>;

void set_window(onnx::NodeProto& node, extent2 kernel, extent2 stride, extent2 padding) {
    set_attribute(node, "kernel_shape", kernel);
    set_attribute(node, "strides", stride);
    set_attribute(node, "pads", std::array{padding[0], padding[1], padding[0], padding[1]});
}

struct filter {
    std::vector<float> weight;
    std::vector<float> bias;
};

/// norm(conv(x)) as one convolution, in double so that only the result is rounded. `convolution`
/// without a bias has bias 0.
filter fold(const onnx_writer& writer, value_id norm, const filter& convolution) {
    const auto& op = std::get<batch_norm_op>(writer.layer(norm).operation);
    const norm_statistics& statistics = writer.statistics(norm);
    const auto scale = writer.read(op.scale);
    const auto shift = writer.read(op.shift);
    const std::size_t taps = convolution.weight.size() / scale.size();
    filter folded{convolution.weight, shift};
    bool finite = true;
    for (std::size_t c = 0; c < scale.size(); ++c) {
        const double factor =
            scale[c] / std::sqrt(double{statistics.variance[c]} + double{op.epsilon});
        const double bias = convolution.bias.empty() ? 0.0 : convolution.bias[c];
        folded.bias[c] = static_cast<float>(shift[c] + factor * (bias - statistics.mean[c]));
        finite = finite && std::isfinite(folded.bias[c]);
        for (std::size_t i = c * taps; i < (c + 1) * taps; ++i) {
            folded.weight[i] = static_cast<float>(factor * convolution.weight[i]);
            finite = finite && std::isfinite(folded.weight[i]);
        }
    }
    if (!finite) {
        throw error(errc::numeric, fmt::format("layer '{}'", writer.layer(norm).name),
                    "folded into the convolution before it, its scale leaves the range of f32",
                    "export with fold_batch_norm = false");
    }
    return folded;
}

/// 1x1 convolution of a (batch, channels, 1, 1) value by a (out, in) weight.
std::string pointwise(onnx_writer& writer, value_id id, const std::string& step,
                      const std::string& input, const param_ref& weight, const param_ref& bias) {
    const shape extents = shape_of(weight);
    const std::string name = fmt::format("{}_{}", writer.layer(id).name, step);
    const auto w = writer.constant(name + "_weight", shape{extents[0], extents[1], 1, 1}, weight);
    const auto b = writer.constant(name + "_bias", shape{extents[0]}, bias);
    return writer.add_inner("Conv", id, step, {input, w, b}).output(0);
}

/// clamp(x / 6 + 1/2, 0, 1)
std::string hard_sigmoid(onnx_writer& writer, value_id id, const std::string& input) {
    auto& node = writer.add_inner("HardSigmoid", id, "gate", {input});
    set_attribute(node, "alpha", 1.0F / 6.0F);
    set_attribute(node, "beta", 0.5F);
    return node.output(0);
}

/// 0.5 x (1 + erf(x / sqrt(2))), in the order that runtimes recognise and fuse.
void write_gelu(onnx_writer& writer, value_id id, const std::string& x) {
    const auto root = writer.scalar("sqrt2", std::numbers::sqrt2_v<float>);
    const auto one = writer.scalar("one", 1.0F);
    const auto half = writer.scalar("half", 0.5F);
    const auto scaled = writer.add_inner("Div", id, "scaled", {x, root}).output(0);
    const auto erf = writer.add_inner("Erf", id, "erf", {scaled}).output(0);
    const auto sum = writer.add_inner("Add", id, "sum", {erf, one}).output(0);
    const auto twice = writer.add_inner("Mul", id, "twice", {x, sum}).output(0);
    writer.add("Mul", id, {twice, half});
}

}  // namespace

void write_onnx(onnx_writer& writer, value_id id, const input_op& o) {
    writer.add_input(writer.layer(id).name, o.type);
}

void write_onnx(onnx_writer& writer, value_id id, const conv2d_op& o) {
    const std::string& name = writer.layer(id).name;
    const shape extents = shape_of(o.weight);
    filter values{writer.read(o.weight), {}};
    if (o.bias) values.bias = writer.read(*o.bias);
    const auto norm = writer.norm_folded_into(id);
    if (norm) values = fold(writer, *norm, values);

    auto inputs = writer.inputs(id);
    inputs.push_back(writer.constant(name + "_weight", extents, values.weight));
    if (!values.bias.empty()) {
        inputs.push_back(writer.constant(name + "_bias", shape{extents[0]}, values.bias));
    }
    auto& node = writer.add("Conv", name, inputs, writer.layer(norm.value_or(id)).name);
    set_window(node, {extents[2], extents[3]}, o.stride, o.padding);
    set_attribute(node, "group", o.groups);
}

void write_onnx(onnx_writer& writer, value_id id, const batch_norm_op& o) {
    if (writer.is_folded(id)) return;
    const std::string& name = writer.layer(id).name;
    const norm_statistics& statistics = writer.statistics(id);
    const shape channels = shape_of(o.scale);
    auto inputs = writer.inputs(id);
    inputs.push_back(writer.constant(name + "_scale", channels, o.scale));
    inputs.push_back(writer.constant(name + "_shift", channels, o.shift));
    inputs.push_back(writer.constant(name + "_mean", channels, statistics.mean));
    inputs.push_back(writer.constant(name + "_variance", channels, statistics.variance));
    set_attribute(writer.add("BatchNormalization", id, inputs), "epsilon", o.epsilon);
}

void write_onnx(onnx_writer& writer, value_id id, const activation_op& o) {
    const auto inputs = writer.inputs(id);
    const std::string& x = inputs.front();
    switch (o.kind) {
        case activation::relu: writer.add("Relu", id, {x}); return;
        case activation::relu6:
            writer.add("Clip", id, {x, writer.scalar("zero", 0.0F), writer.scalar("six", 6.0F)});
            return;
        case activation::hard_swish:
            writer.add("HardSwish", id, {x});
            return;
        case activation::swish:
            writer.add("Mul", id, {x, writer.add_inner("Sigmoid", id, "gate", {x}).output(0)});
            return;
        case activation::gelu: write_gelu(writer, id, x); return;
    }
    throw error(errc::internal, fmt::format("layer '{}'", writer.layer(id).name),
                "an activation that the ONNX export does not know");
}

void write_onnx(onnx_writer& writer, value_id id, const add_op&) {
    writer.add("Add", id, writer.inputs(id));
}

void write_onnx(onnx_writer& writer, value_id id, const channel_gate_op& o) {
    const auto inputs = writer.inputs(id);
    const auto mean = writer.add_inner("GlobalAveragePool", id, "mean", inputs).output(0);
    const auto reduced = pointwise(writer, id, "reduce", mean, o.reduce_weight, o.reduce_bias);
    const auto hidden = writer.add_inner("Relu", id, "relu", {reduced}).output(0);
    const auto expanded = pointwise(writer, id, "expand", hidden, o.expand_weight, o.expand_bias);
    writer.add("Mul", id, {inputs.front(), hard_sigmoid(writer, id, expanded)});
}

void write_onnx(onnx_writer& writer, value_id id, const pool_op& o) {
    if (o.kind == pooling::max) {
        set_window(writer.add("MaxPool", id, writer.inputs(id)), o.kernel, o.stride, o.padding);
        return;
    }
    auto& node = writer.add("AveragePool", id, writer.inputs(id));
    set_window(node, o.kernel, o.stride, o.padding);
    set_attribute(node, "count_include_pad", std::int64_t{0});
}

void write_onnx(onnx_writer& writer, value_id id, const global_pool_op&) {
    auto& mean = writer.add_inner("GlobalAveragePool", id, "mean", writer.inputs(id));
    set_attribute(writer.add("Flatten", id, {mean.output(0)}), "axis", std::int64_t{1});
}

void write_onnx(onnx_writer& writer, value_id id, const concat_op&) {
    set_attribute(writer.add("Concat", id, writer.inputs(id)), "axis", std::int64_t{1});
}

void write_onnx(onnx_writer& writer, value_id id, const linear_op& o) {
    const std::string& name = writer.layer(id).name;
    auto inputs = writer.inputs(id);
    inputs.push_back(writer.constant(name + "_weight", shape_of(o.weight), o.weight));
    inputs.push_back(writer.constant(name + "_bias", shape_of(o.bias), o.bias));
    set_attribute(writer.add("Gemm", id, inputs), "transB", std::int64_t{1});
}

void write_onnx(onnx_writer& writer, value_id id, const softmax_op&) {
    set_attribute(writer.add("Softmax", id, writer.inputs(id)), "axis", std::int64_t{-1});
}

}  // namespace lathe::detail
