// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions: our own weight gradient always, our own rows where they beat oneDNN.
#include "engine/train_depthwise.hpp"

#include <algorithm>

#include "engine/kernels/depthwise.hpp"
#include "engine/kernels/depthwise_rows.hpp"

namespace lathe::detail {
namespace {

/// The row kernels want (kernel height, kernel width, channels); masters are kept by channel.
void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    }
}

kernels::depthwise_shape depthwise_of(const convolution_shape& s) {
    return {s.batch, s.in_channels, s.in_h,      s.in_w,      s.out_h,
            s.out_w, s.kernel[0],   s.kernel[1], s.stride[0], s.padding[0]};
}

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
template <class T>
training_recipe train_rows(const parameter_view& weight, const depthwise_weights& weights) {
    training_recipe r;
    r.keeps_inputs = true;
    r.gradient_optional = true;
    r.saved_floats = rounded(weight.size());
    r.forward_scratch = rounded(weight.size());
    r.backward_scratch = weights.scratch_floats();
    r.forward = [weights](const forward_memory& m) {
        weights.read_by_tap(m.saved, m.scratch);
        kernels::depthwise_forward(weights.shape(), {}, m.in<T>(), m.saved, nullptr, m.out<T>());
    };
    r.backward = [weights](const backward_memory& m) {
        if (m.diff_in<T>() != nullptr) {
            kernels::depthwise_data_gradient(weights.shape(), m.diff_out<T>(), m.saved,
                                             m.diff_in<T>());
        }
        weights.add_gradient(m.in<T>(), m.diff_out<T>(), m.scratch);
    };
    return r;
}

/// oneDNN forward and for the data gradient, where it is the faster one or ours takes no such shape.
template <class T>
training_recipe train_onednn(const parameter_view& weight, const convolution_shape& s,
                             const depthwise_weights& weights, const training_context& c) {
    const onednn_convolution conv(s, c.images, onednn_convolution::gradient::data_only, c);
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
    const depthwise_weights weights(weight, s, c.threads);
    const std::int64_t smallest = c.images == element_type::bf16 ? 3 : 5;
    const bool ours = s.kernel[1] >= smallest && kernels::has_depthwise_rows(weights.shape());
    return with_stored(c.images, [&]<class T>(T) {
        return ours ? train_rows<T>(weight, weights) : train_onednn<T>(weight, s, weights, c);
    });
}

}  // namespace lathe::detail
