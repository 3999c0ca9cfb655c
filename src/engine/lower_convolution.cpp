// SPDX-License-Identifier: Apache-2.0
// Convolutions and linear layers at inference: batch norm folded into the weights, activations and
// the residual add as post-operations of one oneDNN primitive, or one of our own kernels.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/kernels/depthwise_rows.hpp"
#include "engine/lowering.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

constexpr std::size_t alignment = 64;

/// Dense weights and bias with the batch norm's arithmetic applied, out channel by out channel.
struct folded_weights {
    std::vector<float> weight;
    std::vector<float> bias;
};

std::vector<float> read(const weight_reader& reader, const param_ref& ref) {
    std::vector<float> values(static_cast<std::size_t>(element_count(ref)));
    reader(ref, values);
    for (const float v : values) {
        if (!std::isfinite(v)) {
            throw error(errc::numeric, fmt::format("tensor '{}'", ref.tensor),
                        fmt::format("holds the value {}", v), "the training has diverged");
        }
    }
    return values;
}

folded_weights fold(const param_ref& weight, const param_ref* bias, const node* norm, value_id id,
                    const weight_reader& reader, const calibrated_statistics& statistics) {
    folded_weights f;
    f.weight = read(reader, weight);
    const auto out = static_cast<std::size_t>(shape_of(weight)[0]);
    f.bias = bias != nullptr ? read(reader, *bias) : std::vector<float>(out, 0.0F);
    if (norm == nullptr) return f;
    const auto& bn = std::get<batch_norm_op>(norm->operation);
    const auto scale = read(reader, bn.scale);
    const auto shift = read(reader, bn.shift);
    const auto& s = statistics.of(id);
    const std::size_t row = f.weight.size() / out;
    for (std::size_t o = 0; o < out; ++o) {
        const float factor = scale[o] / std::sqrt(s.variance[o] + bn.epsilon);
        for (std::size_t i = 0; i < row; ++i) f.weight[o * row + i] *= factor;
        f.bias[o] = shift[o] + (f.bias[o] - s.mean[o]) * factor;
    }
    return f;
}

/// Post-operations of a group; the residual is a sum into the destination where it may be.
struct fused_posts {
    dnnl::primitive_attr attributes = user_scratchpad();
    std::optional<value_id> added;
    int binary_index = -1;  ///< of the residual in the post-operations; -1: a sum
};

fused_posts lower_posts(const lowering_context& c) {
    fused_posts f;
    dnnl::post_ops ops;
    for (const auto& post : c.group.post) {
        if (const auto* act = std::get_if<activation>(&post)) {
            append_activation(ops, *act);
            continue;
        }
        f.added = std::get<residual>(post).value;
        if (c.residual_dies) {
            ops.append_sum(1.0F);
        } else {
            f.binary_index = ops.len();
            ops.append_binary(dnnl::algorithm::binary_add,
                              activation_desc(c.type(*f.added), c.batch));
        }
    }
    f.attributes.set_post_ops(ops);
    return f;
}

/// What convolution and inner product have in common once their descriptors exist.
struct dense_kernel {
    dnnl::primitive primitive;
    dnnl::memory::desc src, weights, bias, dst, scratchpad, plain_weights;
};

step_recipe finish(const lowering_context& c, const fused_posts& posts, dense_kernel kernel,
                   param_ref weight, std::optional<param_ref> bias) {
    step_recipe r;
    r.inputs = {c.anchor().inputs[0]};
    r.output = c.group.result();
    if (posts.added) {
        r.inputs.push_back(*posts.added);
        if (posts.binary_index < 0) {
            r.in_place = 1;
            r.must_be_in_place = true;
        }
    }
    const std::size_t packed = kernel.weights.get_size();
    const std::size_t bias_at = (packed + alignment - 1) / alignment * alignment;
    r.weight_bytes = static_cast<std::int64_t>(bias_at + kernel.bias.get_size());
    r.scratch_bytes = static_cast<std::int64_t>(kernel.scratchpad.get_size());
    const node* norm = c.group.norm < 0 ? nullptr : &c.net.at(c.group.norm);
    std::optional<node> norm_node;
    if (norm != nullptr) norm_node = *norm;
    r.pack = [kernel, weight = std::move(weight), bias = std::move(bias), norm_node,
              id = c.group.norm, bias_at](const weight_reader& reader,
                                          const calibrated_statistics& statistics,
                                          std::byte* to) {
        const auto f = fold(weight, bias ? &*bias : nullptr, norm_node ? &*norm_node : nullptr, id,
                            reader, statistics);
        reorder_weights(kernel.plain_weights, f.weight.data(), kernel.weights, to);
        std::memcpy(to + bias_at, f.bias.data(), f.bias.size() * sizeof(float));
    };
    const int binary = posts.binary_index;
    const bool has_residual = posts.added.has_value();
    r.bind = [kernel = std::move(kernel), bias_at, binary, has_residual](const step_memory& m) {
        primitive_call call(kernel.primitive);
        auto* weights = const_cast<std::byte*>(m.weights);
        call.bind(DNNL_ARG_SRC, kernel.src, m.inputs[0]);
        call.bind(DNNL_ARG_WEIGHTS, kernel.weights, weights);
        call.bind(DNNL_ARG_BIAS, kernel.bias, weights + bias_at);
        call.bind(DNNL_ARG_DST, kernel.dst, m.output);
        if (kernel.scratchpad.get_size() > 0) {
            call.bind(DNNL_ARG_SCRATCHPAD, kernel.scratchpad, m.scratch);
        }
        if (has_residual && binary >= 0) {
            call.bind(DNNL_ARG_ATTR_MULTIPLE_POST_OP(binary) | DNNL_ARG_SRC_1, kernel.dst,
                      m.inputs[1]);
        }
        return [call = std::move(call)](const dnnl::stream& s) { call.run(s); };
    };
    return r;
}

/// The shape of a depthwise convolution that our row kernels compute whole, activation included, and
/// faster than oneDNN: kernels of 5 and 7 (docs/engine.md).
std::optional<kernels::depthwise_shape> row_kernel_shape(const conv2d_op& o,
                                                         const lowering_context& c) {
    const auto& in = c.type(c.anchor().inputs[0]).dims;
    const auto& out = c.anchor().type.dims;
    const auto weight = shape_of(o.weight);
    const bool depthwise = o.groups == in[1].size() && weight[0] == o.groups && o.groups > 1;
    const bool square = o.stride[0] == o.stride[1] && o.padding[0] == o.padding[1];
    const bool activated_once =
        c.group.post.empty() ||
        (c.group.post.size() == 1 && std::holds_alternative<activation>(c.group.post[0]));
    if (!depthwise || !square || !activated_once || weight[3] < 5) return {};
    const kernels::depthwise_shape shape{c.batch,       in[1].size(),  in[2].size(), in[3].size(),
                                         out[2].size(), out[3].size(), weight[2],    weight[3],
                                         o.stride[0],   o.padding[0]};
    if (!kernels::has_depthwise_rows(shape)) return {};
    return shape;
}

step_recipe lower_to_row_kernel(const conv2d_op& o, const kernels::depthwise_shape& shape,
                                const lowering_context& c) {
    step_recipe r;
    r.inputs = {c.anchor().inputs[0]};
    r.output = c.group.result();
    r.implementation = "lathe:depthwise_rows";
    const std::int64_t taps = shape.kernel_h * shape.kernel_w;
    r.weight_bytes = (taps + 1) * shape.channels * static_cast<std::int64_t>(sizeof(float));
    std::optional<node> norm;
    if (c.group.norm >= 0) norm = c.net.at(c.group.norm);
    r.pack = [o, norm, id = c.group.norm, taps, channels = shape.channels](
                 const weight_reader& reader, const calibrated_statistics& statistics,
                 std::byte* to) {
        const auto f = fold(o.weight, o.bias ? &*o.bias : nullptr, norm ? &*norm : nullptr, id,
                            reader, statistics);
        auto* by_tap = reinterpret_cast<float*>(to);
        for (std::int64_t ch = 0; ch < channels; ++ch) {
            for (std::int64_t t = 0; t < taps; ++t) {
                by_tap[t * channels + ch] = f.weight[static_cast<std::size_t>(ch * taps + t)];
            }
        }
        std::ranges::copy(f.bias, by_tap + taps * channels);
    };
    std::optional<activation> act;
    if (!c.group.post.empty()) act = std::get<activation>(c.group.post[0]);
    r.bind = [shape, act, taps](const step_memory& m) {
        const auto* weight = reinterpret_cast<const float*>(m.weights);
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::depthwise_forward(shape, act, src, weight, weight + taps * shape.channels, dst);
        };
    };
    return r;
}

}  // namespace

step_recipe lower(const conv2d_op& o, const lowering_context& c) {
    if (const auto rows = row_kernel_shape(o, c)) return lower_to_row_kernel(o, *rows, c);
    const auto& in = c.type(c.anchor().inputs[0]);
    const auto shape = shape_of(o.weight);
    const auto posts = lower_posts(c);
    const dnnl::memory::dims strides{o.stride[0], o.stride[1]};
    const dnnl::memory::dims padding{o.padding[0], o.padding[1]};
    const dnnl::convolution_forward::primitive_desc pd(
        cpu_engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        activation_desc(in, c.batch), any_weights(shape, o.groups), vector_desc(shape[0]),
        activation_desc(c.anchor().type, c.batch), strides, padding, padding, posts.attributes);
    step_recipe r = finish(c, posts,
                           {dnnl::convolution_forward(pd), pd.src_desc(), pd.weights_desc(),
                            pd.bias_desc(), pd.dst_desc(), pd.scratchpad_desc(),
                            plain_weights(shape, o.groups)},
                           o.weight, o.bias);
    r.implementation = pd.impl_info_str();
    return r;
}

step_recipe lower(const linear_op& o, const lowering_context& c) {
    const auto& in = c.type(c.anchor().inputs[0]);
    const auto shape = shape_of(o.weight);
    const auto posts = lower_posts(c);
    const dnnl::inner_product_forward::primitive_desc pd(
        cpu_engine(), dnnl::prop_kind::forward_inference, activation_desc(in, c.batch),
        dnnl::memory::desc({shape[0], shape[1]}, dnnl_type::f32, dnnl_tag::any),
        vector_desc(shape[0]), activation_desc(c.anchor().type, c.batch), posts.attributes);
    step_recipe r =
        finish(c, posts,
               {dnnl::inner_product_forward(pd), pd.src_desc(), pd.weights_desc(), pd.bias_desc(),
                pd.dst_desc(), pd.scratchpad_desc(),
                dnnl::memory::desc({shape[0], shape[1]}, dnnl_type::f32, dnnl_tag::ab)},
               o.weight, o.bias);
    r.implementation = pd.impl_info_str();
    return r;
}

}  // namespace lathe::detail
