// SPDX-License-Identifier: Apache-2.0
// Convolutions of one chunk of images, called by many threads at once, and their weights.
#pragma once

#include <concepts>
#include <cstdint>

#include "engine/kernels/dense.hpp"
#include "engine/kernels/depthwise.hpp"
#include "engine/kernels/depthwise_rows.hpp"
#include "engine/onednn_convolution.hpp"
#include "engine/train_matmul.hpp"

namespace lathe::detail {

/// Weights are arranged once for each direction; `plain` is scratch for that. Each thread makes its own
/// calls, with its own scratch and, cleared before, its own sums of the weight gradient.
template <class C>
concept ChunkConvolution =
    requires(const C& c, const void* image, void* result, float* memory, std::int64_t n) {
        { c.arranged_floats() } -> std::same_as<std::int64_t>;
        { c.plain_floats() } -> std::same_as<std::int64_t>;
        { c.sum_floats() } -> std::same_as<std::int64_t>;
        { c.scratch_floats() } -> std::same_as<std::int64_t>;
        c.arrange_forward(memory, memory);          // arranged, plain
        c.arrange_backward(memory, memory);         // what arrange_forward left, plain
        c.forward_call(memory, memory)(image, result);   // arranged, scratch; x, y
        c.data_call(memory, memory)(image, result);      // arranged, scratch; dy, dx
        c.weight_call(memory, memory)(image, image);     // sums, scratch; dy, x
        c.add_to_master(memory, n, n, memory);  // sums of n threads, n floats apart; plain
    };

/// The product of a chunk's pixels and packed weights.
struct dense_product {
    kernels::dense_shape shape;
    const float* packed;

    void operator()(const void* from, void* to) const {
        kernels::dense_forward(shape, {}, static_cast<const float*>(from), packed, nullptr, nullptr,
                               static_cast<float*>(to));
    }
};

/// 1x1 with stride 1 in float32, by our own kernels.
class dense_chunks {
public:
    [[nodiscard]] static bool takes(const convolution_shape& shape);
    dense_chunks(const parameter_view& weight, const convolution_shape& chunk);

    [[nodiscard]] std::int64_t arranged_floats() const;
    [[nodiscard]] std::int64_t plain_floats() const { return 2 * rounded(weight_.size()); }
    [[nodiscard]] std::int64_t sum_floats() const { return weight_.size(); }
    [[nodiscard]] static std::int64_t scratch_floats() { return 0; }

    void arrange_forward(float* arranged, float* plain) const;
    void arrange_backward(float* arranged, float* plain) const;
    [[nodiscard]] auto forward_call(const float* arranged, float* /*scratch*/) const {
        return dense_product{forward_, arranged};
    }
    [[nodiscard]] auto data_call(const float* arranged, float* /*scratch*/) const {
        return dense_product{backward_, arranged};
    }
    [[nodiscard]] auto weight_call(float* sums, float* /*scratch*/) const {
        return [=, s = forward_](const void* dy, const void* x) {
            kernels::dense_add_weight_gradient(s.in_w, s.out_channels, s.in_channels,
                                               static_cast<const float*>(dy),
                                               static_cast<const float*>(x), sums);
        };
    }
    void add_to_master(float* sums, std::int64_t step, std::int64_t parts, float* plain) const;

private:
    parameter_view weight_;
    kernels::dense_shape forward_, backward_;
};

/// 1x1 with stride 1, by oneDNN.
class pointwise_chunks {
public:
    /// `alone`: a context of one thread.
    pointwise_chunks(const parameter_view& weight, const convolution_shape& chunk,
                     const training_context& alone);

    [[nodiscard]] std::int64_t arranged_floats() const { return convolution_.arranged_floats(); }
    [[nodiscard]] std::int64_t plain_floats() const { return weight_.size(); }
    [[nodiscard]] std::int64_t sum_floats() const { return weight_.size(); }
    [[nodiscard]] std::int64_t scratch_floats() const;

    void arrange_forward(float* arranged, float* plain) const;
    void arrange_backward(float* arranged, float* plain) const;
    [[nodiscard]] auto forward_call(const float* arranged, float* scratch) const {
        return convolution_.forward_call(arranged, scratch);
    }
    [[nodiscard]] auto data_call(const float* arranged, float* scratch) const {
        return convolution_.data_call(arranged, scratch);
    }
    [[nodiscard]] auto weight_call(float* sums, float* scratch) const {
        return product_.call(sums, scratch);
    }
    void add_to_master(float* sums, std::int64_t step, std::int64_t parts, float* plain) const;

private:
    parameter_view weight_;
    onednn_convolution convolution_;
    weight_gradient_matmul product_;
};

/// Depthwise, by our own kernels on images of T. Both directions read the same arranged weights.
template <class T>
class depthwise_chunks {
public:
    [[nodiscard]] static bool takes(const convolution_shape& shape);
    depthwise_chunks(const parameter_view& weight, const convolution_shape& chunk);

    [[nodiscard]] std::int64_t arranged_floats() const { return weight_.size(); }
    [[nodiscard]] std::int64_t plain_floats() const { return 2 * rounded(weight_.size()); }
    [[nodiscard]] std::int64_t sum_floats() const { return kernels::depthwise_sum_floats(shape_); }
    [[nodiscard]] std::int64_t scratch_floats() const {
        return kernels::depthwise_buffer_floats(shape_);
    }

    void arrange_forward(float* arranged, float* plain) const;
    void arrange_backward(float* /*arranged*/, float* /*plain*/) const {}
    [[nodiscard]] auto forward_call(const float* arranged, float* /*scratch*/) const {
        return [=, this](const void* x, void* y) {
            kernels::depthwise_forward(shape_, {}, static_cast<const T*>(x), arranged, nullptr,
                                       static_cast<T*>(y));
        };
    }
    [[nodiscard]] auto data_call(const float* arranged, float* /*scratch*/) const {
        return [=, this](const void* dy, void* dx) {
            kernels::depthwise_data_gradient(shape_, static_cast<const T*>(dy), arranged,
                                             static_cast<T*>(dx));
        };
    }
    [[nodiscard]] auto weight_call(float* sums, float* scratch) const {
        return [=, this](const void* dy, const void* x) {
            kernels::depthwise_add_weight_gradient(shape_, static_cast<const T*>(x),
                                                   static_cast<const T*>(dy), sums, scratch);
        };
    }
    void add_to_master(float* sums, std::int64_t step, std::int64_t parts, float* plain) const;

private:
    parameter_view weight_;
    kernels::depthwise_shape shape_;
};

}  // namespace lathe::detail
