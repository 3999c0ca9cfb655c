// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions in shapes that our row kernels do not take.
#include "engine/train_depthwise.hpp"

#include <algorithm>

#include "engine/depthwise_weights.hpp"

namespace lathe::detail {
namespace {

/// Our weight gradient, added to the master.
class depthwise_weights {
public:
    depthwise_weights(const parameter_view& weight, const convolution_shape& s, int threads)
        : weight_(weight), shape_(depthwise_of(s)), taps_(s.kernel[0] * s.kernel[1]),
          scratch_(2 * rounded(weight.size()) +
                   rounded(kernels::depthwise_weight_gradient_scratch(shape_, threads))) {}

    [[nodiscard]] std::int64_t scratch_floats() const { return scratch_; }
    template <class T>
    void add_gradient(const T* x, const T* dy, float* scratch) const {
        float* by_tap = scratch;
        float* by_channel = scratch + rounded(weight_.size());
        kernels::depthwise_weight_gradient(shape_, x, dy, by_tap,
                                           scratch + 2 * rounded(weight_.size()));
        transpose(by_tap, taps_, shape_.channels, by_channel);
        weight_.add_gradient(by_channel);
    }

private:
    parameter_view weight_;
    kernels::depthwise_shape shape_;
    std::int64_t taps_;
    std::int64_t scratch_;
};

template <class T>
training_recipe recipe(const parameter_view& weight, const convolution_shape& s,
                       const training_context& c) {
    const depthwise_weights weights(weight, s, c.threads);
    const onednn_convolution conv(s, c.images, onednn_convolution::gradient::data, c);
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
        weights.add_gradient(m.in<T>(), m.diff_out<T>(), m.scratch);
    };
    return r;
}

}  // namespace

training_recipe train_depthwise(const parameter_view& weight, const convolution_shape& s,
                                const training_context& c) {
    return with_stored(c.images, [&]<class T>(T) { return recipe<T>(weight, s, c); });
}

}  // namespace lathe::detail
