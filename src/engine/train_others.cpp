// SPDX-License-Identifier: Apache-2.0
// Training of every layer that is not a convolution or linear.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/batch_norm.hpp"
#include "engine/kernels/channel.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/kernels/gate.hpp"
#include "engine/kernels/loss.hpp"
#include "engine/training.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

/// Consecutive pieces of one block of floats.
class pieces {
public:
    explicit pieces(float* memory) : next_(memory) {}
    float* take(std::int64_t floats) {
        float* piece = next_;
        next_ += rounded(floats);
        return piece;
    }

private:
    float* next_;
};

}  // namespace

training_recipe train(const input_op&, const node& n, const training_context&) {
    throw error(errc::internal, fmt::format("layer '{}'", n.name), "inputs are not trained");
}

training_recipe train(const batch_norm_op& o, const node& n, const training_context& c) {
    return train_norm(o, n, {}, c);
}

namespace {

std::optional<kernels::chunk_moments> moments_of(const given_moments& given, std::int64_t rows) {
    if (given.sums == nullptr) return {};
    return kernels::chunk_moments{given.sums, kernels::row_chunks::of(rows, given.chunks)};
}

template <class T>
training_recipe norm_recipe(const batch_norm_op& o, const node& n, std::optional<activation> act,
                            const training_context& c) {
    const auto image = kernels::channel_shape::of(n.type, c.batch);
    const kernels::batch_norm_shape shape{image.batch * image.pixels, image.channels};
    const parameter_view scale(o.scale, c.access);
    const parameter_view shift(o.shift, c.access);
    const std::int64_t channels = shape.channels;
    const std::int64_t kernel_scratch = rounded(kernels::batch_norm_scratch(shape));

    struct kept {
        float *scale, *shift, *mean, *inv_std;
    };
    const auto layout = [channels](float* memory) {
        pieces p(memory);
        return kept{p.take(channels), p.take(channels), p.take(channels), p.take(channels)};
    };
    training_recipe r;
    r.keeps_inputs = true;
    r.forward_in_place = true;
    r.gradient_in_place = true;
    r.takes_moments = true;
    r.saved_floats = 4 * rounded(channels);
    r.forward_scratch = kernel_scratch;
    r.backward_scratch = kernel_scratch + 2 * rounded(channels);
    r.forward = [=, epsilon = o.epsilon](const forward_memory& m) {
        const kept k = layout(m.saved);
        scale.read(k.scale);
        shift.read(k.shift);
        kernels::batch_norm_forward<T>(shape, act, epsilon,
                                       {m.in<T>(), k.scale, k.shift, m.out<T>(), k.mean,
                                        m.statistics->variance.data(), k.inv_std, m.scratch,
                                        moments_of(m.input_moments, shape.rows)});
        std::copy_n(k.mean, channels, m.statistics->mean.data());
    };
    r.backward = [=](const backward_memory& m) {
        const kept k = layout(m.saved);
        pieces p(m.scratch);
        float* diff_scale = p.take(channels);
        float* diff_shift = p.take(channels);
        kernels::batch_norm_backward<T>(shape, act,
                                        {m.in<T>(), m.diff_out<T>(), k.scale, k.shift, k.mean,
                                         k.inv_std, m.diff_in<T>(), diff_scale, diff_shift,
                                         p.take(kernel_scratch)});
        scale.add_gradient(diff_scale);
        shift.add_gradient(diff_shift);
    };
    return r;
}

}  // namespace

training_recipe train_norm(const batch_norm_op& o, const node& n, std::optional<activation> act,
                           const training_context& c) {
    return with_stored(c.stored(n.type),
                       [&]<class T>(T) { return norm_recipe<T>(o, n, act, c); });
}

training_recipe train(const activation_op& o, const node& n, const training_context& c) {
    const std::int64_t count = element_count(n.type, c.batch);
    training_recipe r;
    r.keeps_inputs = true;
    r.forward_in_place = true;
    r.gradient_in_place = true;
    with_stored(c.stored(n.type), [&]<class T>(T) {
        r.forward = [kind = o.kind, count](const forward_memory& m) {
            kernels::activation_forward(kind, count, m.in<T>(), m.out<T>());
        };
        r.backward = [kind = o.kind, count](const backward_memory& m) {
            kernels::activation_backward(kind, count, m.in<T>(), m.diff_out<T>(), m.diff_in<T>());
        };
    });
    return r;
}

training_recipe train(const add_op&, const node& n, const training_context& c) {
    const std::int64_t count = element_count(n.type, c.batch);
    training_recipe r;
    r.forward_in_place = true;
    r.passes_gradient = true;
    with_stored(c.stored(n.type), [&]<class T>(T) {
        r.forward = [count](const forward_memory& m) {
            const bool onto_second = m.output == m.inputs[1];
            const std::size_t base = onto_second ? 1 : 0;
            if (m.output != m.inputs[base]) std::copy_n(m.in<T>(base), count, m.out<T>());
            kernels::add_inplace(count, m.in<T>(1 - base), m.out<T>());
        };
    });
    return r;
}

namespace {

template <class T>
training_recipe gate_recipe(const channel_gate_op& o, const node& n, const training_context& c) {
    const auto image = kernels::channel_shape::of(n.type, c.batch);
    const kernels::gate_shape gate{image.batch, image.channels, lathe::shape_of(o.reduce_weight)[0]};
    std::vector<parameter_view> views;
    for (const auto& p : parameters_of(o)) views.emplace_back(*p.ref, c.access);
    const std::int64_t per_channel = rounded(image.batch * image.channels);

    training_recipe r;
    r.keeps_inputs = true;
    r.forward_in_place = true;
    r.gradient_in_place = true;
    r.saved_floats = rounded(gate.forward_floats()) + rounded(gate.weight_floats());
    r.backward_scratch = 2 * per_channel + rounded(gate.weight_floats());
    r.forward = [=](const forward_memory& m) {
        pieces p(m.saved);
        const auto state = gate.state(p.take(gate.forward_floats()));
        float* const weights = p.take(gate.weight_floats());
        float* next = weights;
        for (const auto& view : views) {
            view.read(next);
            next += view.size();
        }
        kernels::channel_mean(image, m.in<T>(), state.mean);
        kernels::gate_forward(gate, gate.weights(weights), state);
        kernels::channel_scale(image, m.in<T>(), state.gate, m.out<T>());
    };
    r.backward = [=](const backward_memory& m) {
        pieces saved(m.saved);
        const auto state = gate.state(saved.take(gate.forward_floats()));
        const auto weights = gate.weights(saved.take(gate.weight_floats()));
        pieces scratch(m.scratch);
        float* diff_gate = scratch.take(image.batch * image.channels);
        float* diff_mean = scratch.take(image.batch * image.channels);
        float* gradients = scratch.take(gate.weight_floats());
        std::fill_n(gradients, gate.weight_floats(), 0.0F);
        T* diff_input = m.diff_in<T>();
        kernels::channel_scale_gradient(image, m.in<T>(), m.diff_out<T>(), state.gate, diff_input,
                                        diff_gate);
        const auto split = gate.weights(gradients);
        kernels::gate_backward(gate, weights, state, diff_gate, diff_mean,
                               {const_cast<float*>(split.reduce_weight),
                                const_cast<float*>(split.reduce_bias),
                                const_cast<float*>(split.expand_weight),
                                const_cast<float*>(split.expand_bias)});
        kernels::add_channel_constant(image, diff_mean, 1.0F / static_cast<float>(image.pixels),
                                      diff_input);
        for (const auto& view : views) {
            view.add_gradient(gradients);
            gradients += view.size();
        }
    };
    return r;
}

}  // namespace

training_recipe train(const channel_gate_op& o, const node& n, const training_context& c) {
    return with_stored(c.stored(n.type), [&]<class T>(T) { return gate_recipe<T>(o, n, c); });
}

training_recipe train(const pool_op& o, const node& n, const training_context& c) {
    const auto stored = onednn_type(c.stored(n.type));
    const auto src = activation_desc(c.input_type(n), c.batch, stored);
    const auto dst = activation_desc(n.type, c.batch, stored);
    const auto algorithm = o.kind == pooling::max ? dnnl::algorithm::pooling_max
                                                  : dnnl::algorithm::pooling_avg_exclude_padding;
    const dnnl::memory::dims stride{o.stride[0], o.stride[1]};
    const dnnl::memory::dims kernel{o.kernel[0], o.kernel[1]};
    const dnnl::memory::dims padding{o.padding[0], o.padding[1]};
    const auto forward_desc = [&] {
        return dnnl::pooling_forward::primitive_desc(
            cpu_engine(), dnnl::prop_kind::forward_training, algorithm, src, dst, stride, kernel,
            {0, 0}, padding, padding, user_scratchpad());
    };
    const auto key = [&](primitive_kind kind) {
        const auto& in = c.input_type(n).dims;
        return primitive_key(kind, {static_cast<std::int64_t>(o.kind), c.batch, in[1].size(),
                                    in[2].size(), in[3].size(), kernel[0], kernel[1], stride[0],
                                    stride[1], padding[0], padding[1],
                                    static_cast<std::int64_t>(stored)});
    };
    const auto forward = c.primitives.get(key(primitive_kind::pooling), [&] {
        const auto pd = forward_desc();
        return made_primitive{dnnl::pooling_forward(pd), pd.src_desc(), {}, pd.dst_desc(),
                              pd.workspace_desc(), pd.scratchpad_desc(),
                              pd.impl_info_str()};
    });
    const auto backward = c.primitives.get(key(primitive_kind::pooling_gradient), [&] {
        const dnnl::pooling_backward::primitive_desc pd(cpu_engine(), algorithm, src, dst, stride,
                                                        kernel, {0, 0}, padding, padding,
                                                        forward_desc(), user_scratchpad());
        return made_primitive{dnnl::pooling_backward(pd), pd.diff_src_desc(), {},
                              pd.diff_dst_desc(), pd.workspace_desc(), pd.scratchpad_desc(),
                              pd.impl_info_str()};
    });
    training_recipe r;
    r.saved_floats = rounded_floats(forward->workspace);
    r.forward_scratch = rounded_floats(forward->scratchpad);
    r.backward_scratch = rounded_floats(backward->scratchpad);
    const auto bind_extra = [](primitive_call& call, const made_primitive& p, float* saved,
                               float* scratch) {
        if (p.workspace.get_size() > 0) call.bind(DNNL_ARG_WORKSPACE, p.workspace, saved);
        if (p.scratchpad.get_size() > 0) call.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    };
    r.forward = [=, stream = &c.stream](const forward_memory& m) {
        primitive_call call(forward->primitive);
        call.bind(DNNL_ARG_SRC, forward->src, const_cast<void*>(m.inputs[0]));
        call.bind(DNNL_ARG_DST, forward->dst, m.output);
        bind_extra(call, *forward, m.saved, m.scratch);
        call.run(*stream);
    };
    r.backward = [=, stream = &c.stream](const backward_memory& m) {
        primitive_call call(backward->primitive);
        call.bind(DNNL_ARG_DIFF_DST, backward->dst, const_cast<void*>(m.diff_output));
        call.bind(DNNL_ARG_DIFF_SRC, backward->src, m.diff_inputs[0].data);
        bind_extra(call, *backward, m.saved, m.scratch);
        call.run(*stream);
    };
    return r;
}

training_recipe train(const global_pool_op&, const node& n, const training_context& c) {
    const auto image = kernels::channel_shape::of(c.input_type(n), c.batch);
    training_recipe r;
    with_stored(c.stored(c.input_type(n)), [&]<class T>(T) {
        r.forward = [image](const forward_memory& m) {
            kernels::channel_mean(image, m.in<T>(), m.out<float>());
        };
        r.backward = [image](const backward_memory& m) {
            kernels::set_channel_constant(image, m.diff_out<float>(),
                                          1.0F / static_cast<float>(image.pixels), m.diff_in<T>());
        };
    });
    return r;
}

training_recipe train(const concat_op&, const node& n, const training_context& c) {
    std::vector<std::int64_t> channels;
    for (const auto in : n.inputs) channels.push_back(c.type(in).dims[1].size());
    const auto image = kernels::channel_shape::of(n.type, c.batch);
    const std::int64_t rows = image.batch * image.pixels;
    training_recipe r;
    r.gradient_optional = true;
    with_stored(c.stored(n.type), [&]<class T>(T) {
        r.forward = [=](const forward_memory& m) {
            T* to = m.out<T>();
            for (std::int64_t row = 0; row < rows; ++row) {
                for (std::size_t i = 0; i < channels.size(); ++i) {
                    to = std::copy_n(m.in<T>(i) + row * channels[i], channels[i], to);
                }
            }
        };
        r.backward = [=](const backward_memory& m) {
            const T* from = m.diff_out<T>();
            for (std::int64_t row = 0; row < rows; ++row) {
                for (std::size_t i = 0; i < channels.size(); ++i) {
                    T* const to = m.diff_in<T>(i);
                    if (to != nullptr) std::copy_n(from, channels[i], to + row * channels[i]);
                    from += channels[i];
                }
            }
        };
    });
    return r;
}

training_recipe train(const softmax_op&, const node& n, const training_context& c) {
    const kernels::classification_shape shape{c.batch, n.type.dims[1].size()};
    training_recipe r;
    r.keeps_output = true;
    r.gradient_in_place = true;
    r.forward = [shape](const forward_memory& m) {
        kernels::softmax(shape, m.in<float>(), m.out<float>());
    };
    r.backward = [shape](const backward_memory& m) {
        for (std::int64_t row = 0; row < shape.batch; ++row) {
            const float* p = static_cast<const float*>(m.output) + row * shape.classes;
            const float* dy = m.diff_out<float>() + row * shape.classes;
            float* dx = m.diff_in<float>() + row * shape.classes;
            float inner = 0.0F;
            for (std::int64_t k = 0; k < shape.classes; ++k) inner += p[k] * dy[k];
            for (std::int64_t k = 0; k < shape.classes; ++k) dx[k] = p[k] * (dy[k] - inner);
        }
    };
    return r;
}

}  // namespace lathe::detail
