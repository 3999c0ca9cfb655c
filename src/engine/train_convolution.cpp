// SPDX-License-Identifier: Apache-2.0
// Training of convolutions in three forms: 1x1 as matmul on the master weights, depthwise with our
// own weight gradient, everything else through oneDNN with copied weights.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/depthwise_rows.hpp"
#include "engine/kernels/rows.hpp"
#include "engine/train_matmul.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

std::int64_t floats_of(const dnnl::memory::desc& desc) {
    return static_cast<std::int64_t>((desc.get_size() + sizeof(float) - 1) / sizeof(float));
}

std::int64_t rounded(std::int64_t floats) { return (floats + 15) / 16 * 16; }

struct conv_shape {
    std::int64_t batch, in_channels, in_h, in_w, out_channels, out_h, out_w;
    extent2 kernel, stride, padding;
    std::int64_t groups;

    [[nodiscard]] bool is_pointwise() const {
        return groups == 1 && kernel == extent2{1, 1} && padding == extent2{0, 0};
    }
    [[nodiscard]] bool is_depthwise() const {
        return groups == in_channels && groups == out_channels && groups > 1 &&
               stride[0] == stride[1] && padding[0] == padding[1];
    }
    [[nodiscard]] std::int64_t out_rows() const { return batch * out_h * out_w; }
};

conv_shape shape_of(const conv2d_op& o, const node& n, const training_context& c) {
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

/// Adds the bias forward and its gradient backward to a recipe for a convolution without.
void add_bias(training_recipe& r, const param_ref& bias, const conv_shape& s,
              const training_context& c) {
    const parameter_view view(bias, c.access);
    const std::int64_t floats = rounded(s.out_channels);
    const std::int64_t forward_at = r.forward_scratch;
    const std::int64_t backward_at = r.backward_scratch;
    r.forward_scratch += floats;
    r.backward_scratch += floats;
    r.forward = [inner = std::move(r.forward), view, s, forward_at](const forward_memory& m) {
        inner(m);
        float* values = m.scratch + forward_at;
        view.read(values);
        kernels::add_to_rows(s.out_rows(), s.out_channels, values, m.output);
    };
    r.backward = [inner = std::move(r.backward), view, s, backward_at](const backward_memory& m) {
        inner(m);
        float* sums = m.scratch + backward_at;
        kernels::column_sums(s.out_rows(), s.out_channels, m.diff_output, sums);
        view.add_gradient(sums);
    };
}

training_recipe train_pointwise(const shared_matmul& matmul) {
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.accumulates = true;
    r.forward_scratch = r.backward_scratch = rounded(matmul.scratch_floats());
    r.forward = [matmul](const forward_memory& m) {
        matmul.forward(m.inputs[0], m.output, m.scratch);
    };
    r.backward = [matmul](const backward_memory& m) {
        if (m.diff_inputs[0].data != nullptr) {
            matmul.input_gradient(m.diff_output, m.diff_inputs[0], m.scratch);
        }
        matmul.weight_gradient(m.diff_output, m.inputs[0], m.scratch);
    };
    return r;
}

/// 1x1 with a stride: oneDNN's own weight gradient overruns its scratchpad for few input channels,
/// so the pixels are picked first.
training_recipe train_strided_pointwise(const shared_matmul& matmul, const conv_shape& s) {
    const kernels::subsample_shape picked{s.batch, s.in_channels, s.in_h,      s.in_w,
                                          s.out_h, s.out_w,       s.stride[0], s.stride[1]};
    const std::int64_t kept = rounded(s.out_rows() * s.in_channels);
    training_recipe r;
    r.gradient_optional = true;
    r.accumulates = true;
    r.saved_floats = kept;
    r.forward_scratch = rounded(matmul.scratch_floats());
    r.backward_scratch = r.forward_scratch + kept;
    r.forward = [matmul, picked](const forward_memory& m) {
        kernels::subsample(picked, m.inputs[0], m.saved);
        matmul.forward(m.saved, m.output, m.scratch);
    };
    r.backward = [matmul, picked, diff_at = r.forward_scratch](const backward_memory& m) {
        matmul.weight_gradient(m.diff_output, m.saved, m.scratch);
        if (m.diff_inputs[0].data == nullptr) return;
        float* diff = m.scratch + diff_at;
        matmul.input_gradient(m.diff_output, {diff, false}, m.scratch);
        kernels::spread(picked, diff, m.diff_inputs[0].data, m.diff_inputs[0].accumulate);
    };
    return r;
}

/// oneDNN's primitives for one shape of convolution, weights in the layouts they like.
class onednn_convolution {
public:
    enum class gradient { data_only, data_and_weights };

    onednn_convolution(const conv_shape& s, gradient which, const training_context& c)
        : stream_(&c.stream), shape_(s) {
        forward_ = c.primitives.get(key(primitive_kind::convolution), [&] { return make_forward(); });
        data_ = c.primitives.get(key(primitive_kind::convolution_data_gradient),
                                 [&] { return make_data(); });
        if (which == gradient::data_and_weights) {
            weights_ = c.primitives.get(key(primitive_kind::convolution_weight_gradient),
                                        [&] { return make_weights(); });
        }
    }

    [[nodiscard]] std::int64_t forward_scratch() const { return with_weights(*forward_); }
    [[nodiscard]] std::int64_t data_scratch() const { return with_weights(*data_); }
    [[nodiscard]] std::int64_t weight_scratch() const {
        return weights_ ? with_weights(*weights_) : 0;
    }

    void forward(const float* x, const float* plain, float* y, float* scratch) const {
        pack(plain, *forward_, scratch);
        run(*forward_, {{DNNL_ARG_SRC, &forward_->src, x},
                        {DNNL_ARG_WEIGHTS, &forward_->weights, scratch},
                        {DNNL_ARG_DST, &forward_->dst, y}},
            scratch);
    }
    void input_gradient(const float* dy, const float* plain, float* dx, float* scratch) const {
        pack(plain, *data_, scratch);
        run(*data_, {{DNNL_ARG_DIFF_DST, &data_->dst, dy},
                     {DNNL_ARG_WEIGHTS, &data_->weights, scratch},
                     {DNNL_ARG_DIFF_SRC, &data_->src, dx}},
            scratch);
    }
    void weight_gradient(const float* dy, const float* x, float* plain_gradient,
                         float* scratch) const {
        run(*weights_, {{DNNL_ARG_DIFF_DST, &weights_->dst, dy},
                        {DNNL_ARG_SRC, &weights_->src, x},
                        {DNNL_ARG_DIFF_WEIGHTS, &weights_->weights, scratch}},
            scratch);
        reorder_weights(weights_->weights, scratch, plain(), plain_gradient);
    }

private:
    struct argument {
        int id;
        const dnnl::memory::desc* desc;
        const float* data;
    };

    [[nodiscard]] std::vector<std::int64_t> oihw() const {
        return {shape_.out_channels, shape_.in_channels / shape_.groups, shape_.kernel[0],
                shape_.kernel[1]};
    }
    [[nodiscard]] dnnl::memory::desc plain() const { return plain_weights(oihw(), shape_.groups); }
    [[nodiscard]] dnnl::memory::desc image(std::int64_t channels, std::int64_t h,
                                           std::int64_t w) const {
        return {{shape_.batch, channels, h, w}, dnnl_type::f32, dnnl_tag::nhwc};
    }
    [[nodiscard]] dnnl::memory::desc src() const {
        return image(shape_.in_channels, shape_.in_h, shape_.in_w);
    }
    [[nodiscard]] dnnl::memory::desc dst() const {
        return image(shape_.out_channels, shape_.out_h, shape_.out_w);
    }
    [[nodiscard]] dnnl::memory::dims strides() const { return {shape_.stride[0], shape_.stride[1]}; }
    [[nodiscard]] dnnl::memory::dims padding() const {
        return {shape_.padding[0], shape_.padding[1]};
    }
    [[nodiscard]] primitive_key key(primitive_kind kind) const {
        const auto& s = shape_;
        return {kind,
                {s.batch, s.in_channels, s.in_h, s.in_w, s.out_channels, s.kernel[0], s.kernel[1],
                 s.stride[0], s.stride[1], s.padding[0], s.padding[1], s.groups}};
    }
    [[nodiscard]] dnnl::convolution_forward::primitive_desc forward_desc() const {
        return {cpu_engine(), dnnl::prop_kind::forward_training,
                dnnl::algorithm::convolution_direct, src(), any_weights(oihw(), shape_.groups),
                dst(), strides(), padding(), padding(), user_scratchpad()};
    }
    [[nodiscard]] made_primitive make_forward() const {
        const auto pd = forward_desc();
        return {dnnl::convolution_forward(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc(), {},
                pd.scratchpad_desc(), pd.impl_info_str()};
    }
    [[nodiscard]] made_primitive make_data() const {
        const dnnl::convolution_backward_data::primitive_desc pd(
            cpu_engine(), dnnl::algorithm::convolution_direct, src(),
            any_weights(oihw(), shape_.groups), dst(), strides(), padding(), padding(),
            forward_desc(), user_scratchpad());
        return {dnnl::convolution_backward_data(pd), pd.diff_src_desc(), pd.weights_desc(),
                pd.diff_dst_desc(), {}, pd.scratchpad_desc(), pd.impl_info_str()};
    }
    [[nodiscard]] made_primitive make_weights() const {
        const dnnl::convolution_backward_weights::primitive_desc pd(
            cpu_engine(), dnnl::algorithm::convolution_direct, src(),
            any_weights(oihw(), shape_.groups), dst(), strides(), padding(), padding(),
            forward_desc(), user_scratchpad());
        return {dnnl::convolution_backward_weights(pd), pd.src_desc(), pd.diff_weights_desc(),
                pd.diff_dst_desc(), {}, pd.scratchpad_desc(), pd.impl_info_str()};
    }

    /// Scratch holds the packed weights first, then oneDNN's own scratchpad.
    static std::int64_t with_weights(const made_primitive& p) {
        return rounded(floats_of(p.weights)) + rounded(floats_of(p.scratchpad));
    }
    void pack(const float* from, const made_primitive& p, float* to) const {
        reorder_weights(plain(), from, p.weights, to);
    }
    void run(const made_primitive& p, std::initializer_list<argument> arguments,
             float* scratch) const {
        primitive_call call(p.primitive);
        for (const auto& a : arguments) call.bind(a.id, *a.desc, const_cast<float*>(a.data));
        if (p.scratchpad.get_size() > 0) {
            call.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch + rounded(floats_of(p.weights)));
        }
        call.run(*stream_);
    }

    const dnnl::stream* stream_;
    conv_shape shape_;
    primitive_cache::handle forward_, data_, weights_;
};

/// The row kernels want (kernel height, kernel width, channels); masters are kept by channel.
void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    }
}

kernels::depthwise_shape depthwise_of(const conv_shape& s) {
    return {s.batch, s.in_channels, s.in_h,      s.in_w,      s.out_h,
            s.out_w, s.kernel[0],   s.kernel[1], s.stride[0], s.padding[0]};
}

/// Our weight gradient of a depthwise convolution, added to the master.
class depthwise_weights {
public:
    depthwise_weights(const parameter_view& weight, const conv_shape& s, int threads)
        : weight_(weight), shape_(depthwise_of(s)), taps_(s.kernel[0] * s.kernel[1]),
          scratch_(2 * rounded(weight.size()) +
                   rounded(kernels::depthwise_weight_gradient_scratch(shape_, threads))) {}

    [[nodiscard]] std::int64_t scratch_floats() const { return scratch_; }
    void add_gradient(const float* x, const float* dy, float* scratch) const {
        float* by_tap = scratch;
        float* by_channel = scratch + rounded(weight_.size());
        kernels::depthwise_weight_gradient(shape_, x, dy, by_tap,
                                           scratch + 2 * rounded(weight_.size()));
        transpose(by_tap, taps_, shape_.channels, by_channel);
        weight_.add_gradient(by_channel);
    }
    /// Weights by tap, through `scratch` of the same size.
    void read_by_tap(float* by_tap, float* scratch) const {
        weight_.read(scratch);
        transpose(scratch, shape_.channels, taps_, by_tap);
    }
    [[nodiscard]] const kernels::depthwise_shape& shape() const { return shape_; }

private:
    parameter_view weight_;
    kernels::depthwise_shape shape_;
    std::int64_t taps_;
    std::int64_t scratch_;
};

/// Our row kernels. Keeps the gathered weights for backward: the master does not change in between.
training_recipe train_depthwise_rows(const parameter_view& weight, const depthwise_weights& weights) {
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.saved_floats = rounded(weight.size());
    r.forward_scratch = rounded(weight.size());
    r.backward_scratch = weights.scratch_floats();
    r.forward = [weights](const forward_memory& m) {
        weights.read_by_tap(m.saved, m.scratch);
        kernels::depthwise_forward(weights.shape(), {}, m.inputs[0], m.saved, nullptr, m.output);
    };
    r.backward = [weights](const backward_memory& m) {
        if (m.diff_inputs[0].data != nullptr) {
            kernels::depthwise_data_gradient(weights.shape(), m.diff_output, m.saved,
                                             m.diff_inputs[0].data);
        }
        weights.add_gradient(m.inputs[0], m.diff_output, m.scratch);
    };
    return r;
}

/// oneDNN forward and for the data gradient, where it is the faster one or ours takes no such shape.
training_recipe train_depthwise_onednn(const parameter_view& weight, const conv_shape& s,
                                       const depthwise_weights& weights,
                                       const training_context& c) {
    const onednn_convolution conv(s, onednn_convolution::gradient::data_only, c);
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.saved_floats = rounded(weight.size());
    r.forward_scratch = conv.forward_scratch();
    r.backward_scratch = std::max(conv.data_scratch(), weights.scratch_floats());
    r.forward = [conv, weight](const forward_memory& m) {
        weight.read(m.saved);
        conv.forward(m.inputs[0], m.saved, m.output, m.scratch);
    };
    r.backward = [conv, weights](const backward_memory& m) {
        if (m.diff_inputs[0].data != nullptr) {
            conv.input_gradient(m.diff_output, m.saved, m.diff_inputs[0].data, m.scratch);
        }
        weights.add_gradient(m.inputs[0], m.diff_output, m.scratch);
    };
    return r;
}

training_recipe train_depthwise(const parameter_view& weight, const conv_shape& s,
                                const training_context& c) {
    const depthwise_weights weights(weight, s, c.threads);
    const bool ours = s.kernel[1] >= 5 && kernels::has_depthwise_rows(weights.shape());
    return ours ? train_depthwise_rows(weight, weights)
                : train_depthwise_onednn(weight, s, weights, c);
}

training_recipe train_general(const parameter_view& weight, const conv_shape& s,
                              const training_context& c) {
    const onednn_convolution conv(s, onednn_convolution::gradient::data_and_weights, c);
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

training_recipe train_without_bias(const std::string& name, const parameter_view& weight,
                                   const conv_shape& s, const training_context& c) {
    if (s.is_pointwise() && weight.is_strided_matrix()) {
        const shared_matmul matmul(weight, s.out_rows(), c);
        return s.stride == extent2{1, 1} ? train_pointwise(matmul)
                                         : train_strided_pointwise(matmul, s);
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
    const conv_shape s = shape_of(o, n, c);
    training_recipe r = train_without_bias(n.name, parameter_view(o.weight, c.access), s, c);
    if (o.bias) add_bias(r, *o.bias, s, c);
    return r;
}

training_recipe train(const linear_op& o, const node& n, const training_context& c) {
    const parameter_view weight(o.weight, c.access);
    if (!weight.is_strided_matrix()) {
        throw error(errc::unsupported, fmt::format("layer '{}'", n.name),
                    fmt::format("tensor '{}' is used in several ranges", o.weight.tensor),
                    "give a linear layer one range per dimension");
    }
    const conv_shape s{c.batch,  weight.shape()[1], 1,      1, weight.shape()[0], 1, 1,
                       {1, 1}, {1, 1},            {0, 0}, 1};
    training_recipe r = train_pointwise(shared_matmul(weight, c.batch, c));
    add_bias(r, o.bias, s, c);
    return r;
}

}  // namespace lathe::detail
