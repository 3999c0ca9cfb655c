// SPDX-License-Identifier: Apache-2.0
// The two small linear layers of squeeze-and-excite, between channel_mean and channel_scale.
#pragma once

#include <cstdint>

namespace lathe::kernels {

/// reduce_weight [hidden][channels], expand_weight [channels][hidden].
struct gate_weights {
    const float* reduce_weight;
    const float* reduce_bias;
    const float* expand_weight;
    const float* expand_bias;
};

/// mean, gate: [batch][channels]; hidden: [batch][hidden], after its ReLU.
struct gate_state {
    float* mean;
    float* hidden;
    float* gate;
};

struct gate_gradients {
    float* reduce_weight;
    float* reduce_bias;
    float* expand_weight;
    float* expand_bias;
};

struct gate_shape {
    std::int64_t batch;
    std::int64_t channels;
    std::int64_t hidden;

    [[nodiscard]] std::int64_t forward_floats() const noexcept {
        return batch * (2 * channels + hidden);
    }
    [[nodiscard]] std::int64_t weight_floats() const noexcept {
        return 2 * channels * hidden + channels + hidden;
    }
    /// Splits forward_floats() of memory.
    [[nodiscard]] gate_state state(float* memory) const noexcept {
        return {memory, memory + batch * channels, memory + batch * (channels + hidden)};
    }
    /// Splits weight_floats() of memory, in the order of gate_weights.
    [[nodiscard]] gate_weights weights(const float* memory) const noexcept {
        const float* expand = memory + hidden * channels + hidden;
        return {memory, memory + hidden * channels, expand, expand + channels * hidden};
    }
};

/// state.mean -> state.hidden = relu(reduce * mean + b) -> state.gate = hard_sigmoid(expand * h + c).
void gate_forward(const gate_shape& shape, const gate_weights& weights, const gate_state& state);

/// Adds to the gradients; diff_gate [batch][channels] is read, diff_mean [batch][channels] is
/// written. `state` is what gate_forward left.
void gate_backward(const gate_shape& shape, const gate_weights& weights, const gate_state& state,
                   const float* diff_gate, float* diff_mean, const gate_gradients& gradients);

}  // namespace lathe::kernels
