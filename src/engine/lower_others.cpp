// SPDX-License-Identifier: Apache-2.0
// Everything at inference that has no large weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/folded_weights.hpp"
#include "engine/kernels/affine.hpp"
#include "engine/kernels/channel.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/kernels/gate.hpp"
#include "engine/kernels/loss.hpp"
#include "engine/kernels/pool.hpp"
#include "engine/lowering.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

step_recipe plain_step(const lowering_context& c, std::string implementation) {
    step_recipe r;
    r.inputs = c.anchor().inputs;
    r.output = c.group.result();
    r.implementation = std::move(implementation);
    return r;
}

}  // namespace

step_recipe lower(const input_op&, const lowering_context& c) {
    throw error(errc::internal, fmt::format("layer '{}'", c.anchor().name), "inputs are not executed");
}

/// A batch norm that no convolution could take: scale and shift per channel, then activations.
step_recipe lower(const batch_norm_op& o, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:channel_affine");
    r.in_place = 0;
    std::vector<activation> acts;
    for (const auto& post : c.group.post) {
        acts.push_back(std::get<activation>(post));
    }
    const auto shape = kernels::channel_shape::of(c.anchor().type, c.batch);
    r.weight_bytes = 2 * shape.channels * static_cast<std::int64_t>(sizeof(float));
    r.pack = [o, shape, id = c.group.anchor()](const weight_reader& reader,
                                               const calibrated_statistics& statistics,
                                               std::byte* to) {
        const auto n = static_cast<std::size_t>(shape.channels);
        auto factor = read_finite(reader, o.scale);
        auto offset = read_finite(reader, o.shift);
        const auto& s = statistics.of(id);
        for (std::size_t i = 0; i < n; ++i) {
            factor[i] /= std::sqrt(s.variance[i] + o.epsilon);
            offset[i] -= s.mean[i] * factor[i];
        }
        std::memcpy(to, factor.data(), n * sizeof(float));
        std::memcpy(to + n * sizeof(float), offset.data(), n * sizeof(float));
    };
    r.bind = [shape, acts](const step_memory& m) {
        const auto* factor = reinterpret_cast<const float*>(m.weights);
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::channel_affine(shape.batch * shape.pixels, shape.channels, src, factor,
                                    factor + shape.channels, dst);
            for (const auto act : acts) {
                kernels::activation_forward(act, shape.batch * shape.pixels * shape.channels, dst,
                                            dst);
            }
        };
    };
    return r;
}

step_recipe lower(const activation_op& o, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:activation");
    r.in_place = 0;
    r.bind = [kind = o.kind, count = element_count(c.anchor().type, c.batch)](const step_memory& m) {
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::activation_forward(kind, count, src, dst);
        };
    };
    return r;
}

step_recipe lower(const add_op&, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:add");
    r.in_place = 0;
    r.bind = [count = element_count(c.anchor().type, c.batch)](const step_memory& m) {
        return [=, a = m.inputs[0], b = m.inputs[1], dst = m.output](const dnnl::stream&) {
            if (dst != a) std::memcpy(dst, a, static_cast<std::size_t>(count) * sizeof(float));
            kernels::add_inplace(count, b, dst);
        };
    };
    return r;
}

step_recipe lower(const channel_gate_op& o, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:channel_gate");
    r.in_place = 0;
    const auto shape = kernels::channel_shape::of(c.anchor().type, c.batch);
    const kernels::gate_shape gate{shape.batch, shape.channels, shape_of(o.reduce_weight)[0]};
    r.scratch_bytes = gate.forward_floats() * static_cast<std::int64_t>(sizeof(float));
    r.weight_bytes = gate.weight_floats() * static_cast<std::int64_t>(sizeof(float));
    r.pack = [o](const weight_reader& reader, const calibrated_statistics&, std::byte* to) {
        auto* next = reinterpret_cast<float*>(to);
        for (const auto& p : parameters_of(o)) {
            next = std::ranges::copy(read_finite(reader, *p.ref), next).out;
        }
    };
    r.bind = [shape, gate](const step_memory& m) {
        const auto weights = gate.weights(reinterpret_cast<const float*>(m.weights));
        const auto state = gate.state(reinterpret_cast<float*>(m.scratch));
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::channel_mean(shape, src, state.mean);
            kernels::gate_forward(gate, weights, state);
            kernels::channel_scale(shape, src, state.gate, dst);
        };
    };
    return r;
}

step_recipe lower(const pool_op& o, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:pool");
    const auto& in = c.type(c.anchor().inputs[0]).dims;
    const auto& out = c.anchor().type.dims;
    const kernels::pool_shape shape{c.batch,       in[1].size(),  in[2].size(), in[3].size(),
                                    out[2].size(), out[3].size(), o.kernel[0],  o.kernel[1],
                                    o.stride[0],   o.stride[1],   o.padding[0], o.padding[1]};
    r.bind = [shape, kind = o.kind](const step_memory& m) {
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::pool_forward(shape, kind, src, dst);
        };
    };
    return r;
}

step_recipe lower(const global_pool_op&, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:channel_mean");
    r.bind = [shape = kernels::channel_shape::of(c.type(c.anchor().inputs[0]), c.batch)](
                 const step_memory& m) {
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::channel_mean(shape, src, dst);
        };
    };
    return r;
}

step_recipe lower(const concat_op&, const lowering_context& c) {
    struct part {
        std::int64_t channels, first;
    };
    step_recipe r = plain_step(c, "lathe:concat");
    r.inputs.clear();
    std::vector<part> copied;
    std::int64_t first = 0;
    for (const auto in : c.anchor().inputs) {
        const std::int64_t channels = c.type(in).dims[1].size();
        if (!c.slices.contains(in)) {
            r.inputs.push_back(in);
            copied.push_back({channels, first});
        }
        first += channels;
    }
    r.bind = [copied,
              shape = kernels::channel_shape::of(c.anchor().type, c.batch)](const step_memory& m) {
        return [=, inputs = m.inputs, dst = m.output](const dnnl::stream&) {
            if (inputs.empty()) return;
            for (std::int64_t pixel = 0; pixel < shape.batch * shape.pixels; ++pixel) {
                float* const to = dst + pixel * shape.channels;
                for (std::size_t i = 0; i < inputs.size(); ++i) {
                    const auto [channels, at] = copied[i];
                    std::copy_n(inputs[i] + pixel * channels, channels, to + at);
                }
            }
        };
    };
    return r;
}

step_recipe lower(const softmax_op&, const lowering_context& c) {
    step_recipe r = plain_step(c, "lathe:softmax");
    r.in_place = 0;
    r.bind = [shape = kernels::classification_shape{c.batch, c.anchor().type.dims[1].size()}](
                 const step_memory& m) {
        return [=, src = m.inputs[0], dst = m.output](const dnnl::stream&) {
            kernels::softmax(shape, src, dst);
        };
    };
    return r;
}

}  // namespace lathe::detail
