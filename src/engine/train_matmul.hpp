// SPDX-License-Identifier: Apache-2.0
// y = x w^T and its gradients for 1x1 convolutions and linear layers, straight on strided views of
// the master weights: oneDNN's matmul takes any row stride at full speed, its convolution does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/training.hpp"

namespace lathe::detail {

/// A weight gradient += dy^T x, from images of any stored type.
class weight_gradient_matmul {
public:
    /// dy: (rows, out), x: (rows, in), gradient: (out, in) with rows `row_stride` floats apart.
    weight_gradient_matmul(std::int64_t rows, std::int64_t out, std::int64_t in,
                           std::int64_t row_stride, element_type images,
                           const training_context& context);

    /// The product of two images, any number of times. For one thread at a time.
    class call {
    public:
        call(const weight_gradient_matmul& matmul, float* gradient, float* scratch);
        void operator()(const void* dy, const void* x);

    private:
        const weight_gradient_matmul* matmul_;
        std::optional<image_call> whole_, rest_;
        std::byte* rest_dy_ = nullptr;
        std::byte* rest_x_ = nullptr;
    };

    [[nodiscard]] std::int64_t scratch_floats() const;

private:
    [[nodiscard]] image_call product_call(const made_primitive& product, float* gradient,
                                          float* scratch) const;
    [[nodiscard]] std::int64_t pad_floats() const;

    const dnnl::stream* stream_;
    std::int64_t whole_rows_, rest_rows_;
    std::int64_t dy_bytes_, x_bytes_;  ///< of one row
    primitive_cache::handle whole_;    ///< of the first rows
    primitive_cache::handle rest_;     ///< of the others, followed by rows of zeros
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
        weight_gradient_matmul::call(weights_, weight_.matrix_gradient(), scratch)(dy, x);
    }

private:
    parameter_view weight_;
    const dnnl::stream* stream_;
    primitive_cache::handle forward_, data_, data_add_;
    weight_gradient_matmul weights_;
};

}  // namespace lathe::detail
