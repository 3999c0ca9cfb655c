// SPDX-License-Identifier: Apache-2.0
// Training of convolutions in three forms: 1x1 on the master weights, depthwise with our own kernels,
// everything else through oneDNN with copied weights.
#include <fmt/format.h>

#include <algorithm>

#include "engine/kernels/rows.hpp"
#include "engine/onednn_convolution.hpp"
#include "engine/train_depthwise.hpp"
#include "engine/train_matmul.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

convolution_shape shape_of(const conv2d_op& o, const node& n, const training_context& c) {
    const auto& in = c.input_type(n);
    const auto w = lathe::shape_of(o.weight);
    return {c.batch,
            in.dims[1].size(),
            in.dims[2].size(),
            in.dims[3].size(),
            w[0],
            n.type.dims[2].size(),
            n.type.dims[3].size(),
            {w[2], w[3]},
            o.stride,
            o.padding,
            o.groups};
}

/// Adds the bias forward and its gradient backward to a recipe for a layer without, whose output is T.
template <class T>
void add_bias(training_recipe& r, const param_ref& bias, std::int64_t rows, std::int64_t channels,
              const training_context& c) {
    const parameter_view view(bias, c.access);
    const std::int64_t forward_at = r.forward_scratch;
    const std::int64_t backward_at = r.backward_scratch;
    r.forward_scratch += rounded(channels);
    r.backward_scratch += rounded(channels);
    r.forward = [=, inner = std::move(r.forward)](const forward_memory& m) {
        inner(m);
        float* values = m.scratch + forward_at;
        view.read(values);
        kernels::add_to_rows(rows, channels, values, m.out<T>());
    };
    r.backward = [=, inner = std::move(r.backward)](const backward_memory& m) {
        inner(m);
        float* sums = m.scratch + backward_at;
        kernels::column_sums(rows, channels, m.diff_out<T>(), sums);
        view.add_gradient(sums);
    };
}

/// Float: all three products as matmuls on the master weights, where they lie.
training_recipe train_matmul(const shared_matmul& matmul) {
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.accumulates = true;
    r.forward_scratch = r.backward_scratch = matmul.scratch_floats();
    r.forward = [matmul](const forward_memory& m) {
        matmul.forward(m.in<float>(), m.out<float>(), m.scratch);
    };
    r.backward = [matmul](const backward_memory& m) {
        if (m.diff_in<float>() != nullptr) {
            matmul.input_gradient(m.diff_out<float>(), m.diff_in<float>(),
                                  m.diff_inputs[0].accumulate, m.scratch);
        }
        matmul.weight_gradient(m.diff_output, m.inputs[0], m.scratch);
    };
    return r;
}

/// Weights copied into the layouts that oneDNN likes, forward and back.
training_recipe train_general(const parameter_view& weight, const convolution_shape& s,
                              const training_context& c) {
    const onednn_convolution conv(s, c.images, onednn_convolution::gradient::data_and_weights, c);
    const std::int64_t dense = rounded(weight.size());
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.saved_floats = dense;
    r.forward_scratch = conv.forward_scratch();
    r.backward_scratch = std::max(conv.data_scratch(), dense + conv.weight_scratch());
    r.forward = [conv, weight](const forward_memory& m) {
        weight.read(m.saved);
        conv.forward(m.inputs[0], m.saved, m.output, m.scratch);
    };
    r.backward = [conv, weight, dense](const backward_memory& m) {
        if (m.diff_inputs[0].data != nullptr) {
            conv.input_gradient(m.diff_output, m.saved, m.diff_inputs[0].data, m.scratch);
        }
        conv.weight_gradient(m.diff_output, m.inputs[0], m.scratch, m.scratch + dense);
        weight.add_gradient(m.scratch);
    };
    return r;
}

/// With this many rows oneDNN's convolution is up to twice as fast as its matmul for the weight
/// gradient in bf16, with less its matmul is.
constexpr std::int64_t many_rows = 16'384;

/// bf16: the weights are rounded and copied anyway, so that oneDNN's convolution may have its layout.
training_recipe train_rounded_pointwise(const parameter_view& weight, const convolution_shape& s,
                                        const training_context& c) {
    const onednn_convolution conv(s, element_type::bf16, onednn_convolution::gradient::data_only, c);
    const weight_gradient_matmul matmul(weight, s.out_rows(), element_type::bf16, c);
    const std::int64_t dense = rounded(weight.size());
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.forward_scratch = dense + conv.forward_scratch();
    r.backward_scratch = std::max(dense + conv.data_scratch(), matmul.scratch_floats());
    r.forward = [=](const forward_memory& m) {
        weight.read(m.scratch);
        conv.forward(m.inputs[0], m.scratch, m.output, m.scratch + dense);
    };
    r.backward = [=](const backward_memory& m) {
        matmul.add(m.diff_output, m.inputs[0], m.scratch);
        if (m.diff_inputs[0].data == nullptr) return;
        weight.read(m.scratch);
        conv.input_gradient(m.diff_output, m.scratch, m.diff_inputs[0].data, m.scratch + dense);
    };
    return r;
}

training_recipe train_dense_pointwise(const parameter_view& weight, const convolution_shape& s,
                                      const training_context& c) {
    if (c.images == element_type::f32) return train_matmul(shared_matmul(weight, s.out_rows(), c));
    return s.out_rows() < many_rows ? train_rounded_pointwise(weight, s, c)
                                    : train_general(weight, s, c);
}

/// 1x1 with a stride: the pixels are picked first, then as without. (oneDNN's own weight gradient
/// overruns its scratchpad for few input channels.)
template <class T>
training_recipe train_strided_pointwise(const parameter_view& weight, const convolution_shape& s,
                                        const training_context& c) {
    const kernels::subsample_shape picked{s.batch, s.in_channels, s.in_h,      s.in_w,
                                          s.out_h, s.out_w,       s.stride[0], s.stride[1]};
    convolution_shape dense = s;
    dense.in_h = s.out_h;
    dense.in_w = s.out_w;
    dense.stride = {1, 1};
    const training_recipe inner = train_dense_pointwise(weight, dense, c);
    const std::int64_t kept = floats_for<T>(s.out_rows() * s.in_channels);
    training_recipe r;
    r.gradient_optional = true;
    r.accumulates = true;
    r.saved_floats = kept;
    r.forward_scratch = inner.forward_scratch;
    r.backward_scratch = inner.backward_scratch + kept;
    r.forward = [=](const forward_memory& m) {
        T* const pixels = reinterpret_cast<T*>(m.saved);
        kernels::subsample(picked, m.in<T>(), pixels);
        inner.forward({{pixels}, m.output, nullptr, m.scratch, nullptr});
    };
    r.backward = [=](const backward_memory& m) {
        T* const to = m.diff_in<T>();
        T* const diff = to == nullptr ? nullptr
                                      : reinterpret_cast<T*>(m.scratch + inner.backward_scratch);
        inner.backward({{m.saved}, nullptr, m.diff_output, {{diff, false}}, nullptr, m.scratch});
        if (to != nullptr) kernels::spread(picked, diff, to, m.diff_inputs[0].accumulate);
    };
    return r;
}

template <class T>
training_recipe train_without_bias(const std::string& name, const parameter_view& weight,
                                   const convolution_shape& s, const training_context& c) {
    if (s.is_pointwise() && weight.is_strided_matrix()) {
        return s.stride == extent2{1, 1} ? train_dense_pointwise(weight, s, c)
                                         : train_strided_pointwise<T>(weight, s, c);
    }
    if (s.is_depthwise()) return train_depthwise(weight, s, c);
    if (s.is_pointwise() && s.stride != extent2{1, 1} && s.in_channels < 16) {
        throw error(errc::unsupported, fmt::format("layer '{}'", name),
                    "oneDNN's weight gradient of strided 1x1 convolutions is unsafe for fewer than 16 "
                    "input channels",
                    "give the weight one range per dimension");
    }
    return train_general(weight, s, c);
}

}  // namespace

training_recipe train(const conv2d_op& o, const node& n, const training_context& c) {
    const convolution_shape s = shape_of(o, n, c);
    return with_stored(c.images, [&]<class T>(T) {
        training_recipe r = train_without_bias<T>(n.name, parameter_view(o.weight, c.access), s, c);
        if (o.bias) add_bias<T>(r, *o.bias, s.out_rows(), s.out_channels, c);
        return r;
    });
}

training_recipe train(const linear_op& o, const node& n, const training_context& c) {
    const parameter_view weight(o.weight, c.access);
    if (!weight.is_strided_matrix()) {
        throw error(errc::unsupported, fmt::format("layer '{}'", n.name),
                    fmt::format("tensor '{}' is used in several ranges", o.weight.tensor),
                    "give a linear layer one range per dimension");
    }
    training_recipe r = train_matmul(shared_matmul(weight, c.batch, c));
    add_bias<float>(r, o.bias, c.batch, weight.shape()[0], c);
    return r;
}

}  // namespace lathe::detail
