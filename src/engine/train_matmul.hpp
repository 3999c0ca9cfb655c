// SPDX-License-Identifier: Apache-2.0
// y = x w^T and its gradients for 1x1 convolutions and linear layers, straight on strided views of the
// master weights: oneDNN's matmul takes any row stride at full speed, its convolution does not.
#pragma once

#include <cstdint>

#include "engine/training.hpp"

namespace lathe::detail {

/// A weight gradient += dy^T x, from images of any stored type.
class weight_gradient_matmul {
public:
    /// dy: (rows, out), x: (rows, in), gradient: (out, in) with rows `row_stride` floats apart.
    weight_gradient_matmul(std::int64_t rows, std::int64_t out, std::int64_t in,
                           std::int64_t row_stride, element_type images,
                           const training_context& context);

    [[nodiscard]] std::int64_t scratch_floats() const;
    /// (dy, x), any number of times.
    [[nodiscard]] image_call call(float* gradient, float* scratch) const;

private:
    const dnnl::stream* stream_;
    primitive_cache::handle product_;
};

/// All three products in float.
class shared_matmul {
public:
    /// `rows` x (in) times (out, in)^T. Precondition: weight.is_strided_matrix().
    shared_matmul(parameter_view weight, std::int64_t rows, const training_context& context);

    [[nodiscard]] std::int64_t scratch_floats() const;
    /// y = x w^T.
    void forward(const float* x, float* y, float* scratch) const;
    /// dx = dy w, or dx += dy w.
    void input_gradient(const float* dy, float* dx, bool accumulate, float* scratch) const;
    /// Master gradient += dy^T x.
    void weight_gradient(const void* dy, const void* x, float* scratch) const {
        weights_.call(weight_.matrix_gradient(), scratch)(dy, x);
    }

private:
    parameter_view weight_;
    const dnnl::stream* stream_;
    primitive_cache::handle forward_, data_, data_add_;
    weight_gradient_matmul weights_;
};

}  // namespace lathe::detail
