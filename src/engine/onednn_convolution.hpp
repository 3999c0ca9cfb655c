// SPDX-License-Identifier: Apache-2.0
// oneDNN's convolution and its gradients for training: images channels-last, weights in the layouts
// that the kernels like.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "engine/convolution_shape.hpp"
#include "engine/primitive_cache.hpp"
#include "engine/training.hpp"

namespace lathe::detail {

[[nodiscard]] convolution_shape shape_of(const conv2d_op& o, const node& n,
                                         const training_context& context);

/// Images of one type; plain weights and their gradient, (out, in / groups, height, width), float.
class onednn_convolution {
public:
    enum class gradient { none, data, data_and_weights };

    onednn_convolution(const convolution_shape& shape, element_type images, gradient which,
                       const training_context& context);

    /// Floats of scratch that each of the three needs.
    [[nodiscard]] std::int64_t forward_scratch() const { return forward_.scratch(); }
    [[nodiscard]] std::int64_t data_scratch() const { return data_.scratch(); }
    [[nodiscard]] std::int64_t weight_scratch() const { return weights_.scratch(); }

    void forward(const void* x, const float* plain, void* y, float* scratch) const {
        arrange_forward(plain, scratch);
        forward_call(scratch, scratch + forward_.arranged())(x, y);
    }
    void input_gradient(const void* dy, const float* plain, void* dx, float* scratch) const {
        arrange_data(plain, scratch);
        data_call(scratch, scratch + data_.arranged())(dy, dx);
    }
    /// Overwrites plain_gradient.
    void weight_gradient(const void* dy, const void* x, float* plain_gradient,
                         float* scratch) const;

    /// The same in two steps, for many calls with the same weights: these are arranged for the
    /// kernel first. Floats of arranged weights, and of scratch for the calls.
    [[nodiscard]] std::int64_t arranged_floats() const {
        return std::max(forward_.arranged(), data_.arranged());
    }
    [[nodiscard]] std::int64_t call_scratch() const { return std::max(forward_.pad(), data_.pad()); }
    void arrange_forward(const float* plain, float* arranged) const;
    void arrange_data(const float* plain, float* arranged) const;
    /// (x, y) and (dy, dx).
    [[nodiscard]] image_call forward_call(const float* arranged, float* scratch) const;
    [[nodiscard]] image_call data_call(const float* arranged, float* scratch) const;

private:
    /// A primitive and the reorder between plain weights and its own layout. Scratch holds the
    /// weights in that layout first, then oneDNN's own scratchpad.
    struct direction {
        primitive_cache::handle kernel, reorder;
        [[nodiscard]] std::int64_t arranged() const;
        [[nodiscard]] std::int64_t pad() const;
        [[nodiscard]] std::int64_t scratch() const { return arranged() + pad(); }
    };
    struct argument {
        int id;
        const dnnl::memory::desc* desc;
        const void* data;  ///< null for images, which each call brings
    };

    [[nodiscard]] dnnl::memory::desc image(std::int64_t channels, std::int64_t h,
                                           std::int64_t w) const;
    [[nodiscard]] dnnl::memory::desc weights(dnnl_type type) const;
    [[nodiscard]] primitive_key key(primitive_kind kind, std::int64_t variant = 0) const;
    [[nodiscard]] dnnl::convolution_forward::primitive_desc forward_desc() const;
    [[nodiscard]] made_primitive make_forward() const;
    [[nodiscard]] made_primitive make_data() const;
    [[nodiscard]] made_primitive make_weights() const;
    [[nodiscard]] primitive_cache::handle make_reorder(primitive_kind of,
                                                       const dnnl::memory::desc& from,
                                                       const dnnl::memory::desc& to,
                                                       primitive_cache& primitives) const;
    void reorder(const made_primitive& r, const float* from, float* to) const;
    [[nodiscard]] image_call call(const made_primitive& p, std::initializer_list<argument> arguments,
                                  float* scratch) const;

    const dnnl::stream* stream_;
    convolution_shape shape_;
    dnnl_type images_;
    int threads_;
    direction forward_, data_, weights_;
};

}  // namespace lathe::detail
