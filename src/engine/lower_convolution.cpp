// SPDX-License-Identifier: Apache-2.0
// Convolutions and linear layers at inference: by our own kernels, or as one oneDNN primitive with
// the batch norm folded into its weights, activations and the residual add as its post-operations.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "engine/folded_weights.hpp"
#include "engine/lower_own.hpp"
#include "engine/lowering.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

constexpr std::size_t alignment = 64;

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

struct convolution_kernel {
    dnnl::primitive primitive;
    dnnl::memory::desc src, weights, bias, dst, scratchpad, plain_weights;
};

convolution_kernel make_kernel(const conv2d_op& o, const lowering_context& c,
                               const dnnl::primitive_attr& attributes,
                               std::string& implementation) {
    const auto shape = shape_of(o.weight);
    const dnnl::memory::dims strides{o.stride[0], o.stride[1]};
    const dnnl::memory::dims padding{o.padding[0], o.padding[1]};
    const dnnl::convolution_forward::primitive_desc pd(
        cpu_engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        activation_desc(c.type(c.anchor().inputs[0]), c.batch), any_weights(shape, o.groups),
        vector_desc(shape[0]), activation_desc(c.anchor().type, c.batch), strides, padding, padding,
        attributes);
    implementation = pd.impl_info_str();
    return {dnnl::convolution_forward(pd),
            pd.src_desc(),
            pd.weights_desc(),
            pd.bias_desc(),
            pd.dst_desc(),
            pd.scratchpad_desc(),
            plain_weights(shape, o.groups)};
}

step_recipe lower_to_onednn(const conv2d_op& o, const lowering_context& c) {
    if (c.slices.contains(c.group.result())) {
        throw error(errc::internal, fmt::format("layer '{}'", c.anchor().name),
                    "oneDNN leaves no room between pixels");
    }
    const fused_posts posts = lower_posts(c);
    step_recipe r;
    convolution_kernel kernel = make_kernel(o, c, posts.attributes, r.implementation);
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
    r.pack = [kernel, bias_at, fold = weight_folder(c, o.weight, o.bias)](
                 const weight_reader& reader, const calibrated_statistics& statistics,
                 std::byte* to) {
        const auto f = fold(reader, statistics);
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

}  // namespace

step_recipe lower(const conv2d_op& o, const lowering_context& c) {
    if (auto own = lower_to_own(o, c)) return *std::move(own);
    return lower_to_onednn(o, c);
}

step_recipe lower(const linear_op& o, const lowering_context& c) { return lower_to_own(o, c); }

}  // namespace lathe::detail
