// SPDX-License-Identifier: Apache-2.0
// Plain loops: the gate is a thousandth of a network's work.
#include "engine/kernels/gate.hpp"

#include <algorithm>
#include <vector>

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

/// relu6(x + 3) / 6.
float hard_sigmoid(float x) { return std::clamp(x / 6.0F + 0.5F, 0.0F, 1.0F); }

float dot(const float* a, const float* b, std::int64_t n) {
    float sum = 0.0F;
    for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

void add_scaled(float* to, const float* from, float factor, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) to[i] += factor * from[i];
}

}  // namespace

void gate_forward(const gate_shape& s, const gate_weights& w, const gate_state& state) {
    parallel_for(s.batch, [&](std::int64_t n) {
        const float* mean = state.mean + n * s.channels;
        float* hidden = state.hidden + n * s.hidden;
        float* gate = state.gate + n * s.channels;
        for (std::int64_t h = 0; h < s.hidden; ++h) {
            const float x = w.reduce_bias[h] + dot(w.reduce_weight + h * s.channels, mean, s.channels);
            hidden[h] = std::max(x, 0.0F);
        }
        for (std::int64_t c = 0; c < s.channels; ++c) {
            gate[c] = hard_sigmoid(w.expand_bias[c] +
                                   dot(w.expand_weight + c * s.hidden, hidden, s.hidden));
        }
    });
}

void gate_backward(const gate_shape& s, const gate_weights& w, const gate_state& state,
                   const float* diff_gate, float* diff_mean, const gate_gradients& g) {
    std::vector<float> diff_hidden(static_cast<std::size_t>(s.hidden));
    std::fill_n(diff_mean, s.batch * s.channels, 0.0F);
    for (std::int64_t n = 0; n < s.batch; ++n) {
        const float* mean = state.mean + n * s.channels;
        const float* hidden = state.hidden + n * s.hidden;
        const float* gate = state.gate + n * s.channels;
        std::fill(diff_hidden.begin(), diff_hidden.end(), 0.0F);
        for (std::int64_t c = 0; c < s.channels; ++c) {
            const bool linear = gate[c] > 0.0F && gate[c] < 1.0F;
            const float d = linear ? diff_gate[n * s.channels + c] / 6.0F : 0.0F;
            g.expand_bias[c] += d;
            add_scaled(g.expand_weight + c * s.hidden, hidden, d, s.hidden);
            add_scaled(diff_hidden.data(), w.expand_weight + c * s.hidden, d, s.hidden);
        }
        for (std::int64_t h = 0; h < s.hidden; ++h) {
            const float d = hidden[h] > 0.0F ? diff_hidden[static_cast<std::size_t>(h)] : 0.0F;
            g.reduce_bias[h] += d;
            add_scaled(g.reduce_weight + h * s.channels, mean, d, s.channels);
            add_scaled(diff_mean + n * s.channels, w.reduce_weight + h * s.channels, d, s.channels);
        }
    }
}

}  // namespace lathe::kernels
