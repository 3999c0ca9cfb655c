// SPDX-License-Identifier: Apache-2.0
// Training of convolutions: 1x1 and depthwise on chunks of images, everything else on the whole batch
// through oneDNN.
#include <fmt/format.h>

#include <algorithm>

#include "engine/kernels/rows.hpp"
#include "engine/onednn_convolution.hpp"
#include "engine/train_chunked.hpp"
#include "engine/train_depthwise.hpp"
#include "engine/train_matmul.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

/// Adds the bias forward and its gradient backward to a recipe for a layer without, whose output is T.
template <class T>
void add_bias(training_recipe& r, const param_ref& bias, std::int64_t rows, std::int64_t channels,
              const training_context& c) {
    const parameter_view view(bias, c.access);
    const std::int64_t forward_at = r.forward_scratch;
    const std::int64_t backward_at = r.backward_scratch;
    r.forward_scratch += rounded(channels);
    r.backward_scratch += rounded(channels);
    r.moment_chunks = 0;  // they would be taken before the bias
    r.finishes_gradient = false;  // the bias needs the whole one
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

/// All three products as matmuls on the master weights, where they lie.
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
    const training_recipe inner = train_chunked(weight, dense, {}, c);
    const std::int64_t kept = floats_for<T>(s.out_rows() * s.in_channels);
    training_recipe r;
    r.gradient_optional = true;
    r.accumulates = true;
    r.saved_floats = kept + inner.saved_floats;
    r.forward_scratch = inner.forward_scratch;
    r.backward_scratch = inner.backward_scratch + kept;
    r.forward = [=](const forward_memory& m) {
        T* const pixels = reinterpret_cast<T*>(m.saved);
        kernels::subsample(picked, m.in<T>(), pixels);
        forward_memory of_inner;
        of_inner.inputs = {pixels};
        of_inner.output = m.output;
        of_inner.saved = m.saved + kept;
        of_inner.scratch = m.scratch;
        inner.forward(of_inner);
    };
    r.backward = [=](const backward_memory& m) {
        T* const to = m.diff_in<T>();
        T* const diff = to == nullptr ? nullptr
                                      : reinterpret_cast<T*>(m.scratch + inner.backward_scratch);
        backward_memory of_inner;
        of_inner.inputs = {m.saved};
        of_inner.diff_output = m.diff_output;
        of_inner.diff_inputs = {{diff, false}};
        of_inner.saved = m.saved + kept;
        of_inner.scratch = m.scratch;
        inner.backward(of_inner);
        if (to != nullptr) kernels::spread(picked, diff, to, m.diff_inputs[0].accumulate);
    };
    return r;
}

template <class T>
training_recipe train_without_bias(const std::string& name, const parameter_view& weight,
                                   const convolution_shape& s, const training_context& c) {
    if (is_chunked(weight, s)) return train_chunked(weight, s, {}, c);
    if (s.is_pointwise() && weight.is_strided_matrix()) {
        return train_strided_pointwise<T>(weight, s, c);
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

bool is_trained_in_chunks(const conv2d_op& o, const node& n, const training_context& c) {
    return !o.bias && is_chunked(parameter_view(o.weight, c.access), shape_of(o, n, c));
}

training_recipe train_norm_convolution(const batch_norm_op& norm, std::optional<activation> act,
                                       const conv2d_op& o, const node& n,
                                       const training_context& c) {
    return train_chunked(parameter_view(o.weight, c.access), shape_of(o, n, c),
                         norm_in_chunks(norm, act, c), c);
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
