// SPDX-License-Identifier: Apache-2.0
// y = x w^T and its gradients for 1x1 convolutions and linear layers, straight on strided views of the
// master weights: oneDNN's matmul takes any row stride at full speed, its convolution does not.
#pragma once

#include <cstdint>

#include "engine/training.hpp"

namespace lathe::detail {

class shared_matmul {
public:
    /// `rows` x (in) times (out, in)^T. Precondition: weight.is_strided_matrix().
    shared_matmul(parameter_view weight, std::int64_t rows, const training_context& context);

    [[nodiscard]] std::int64_t scratch_floats() const;
    /// y = x w^T.
    void forward(const float* x, float* y, float* scratch) const;
    /// dx = dy w, or dx += dy w.
    void input_gradient(const float* dy, gradient_target dx, float* scratch) const;
    /// Master gradient += dy^T x.
    void weight_gradient(const float* dy, const float* x, float* scratch) const;

private:
    struct operand {
        std::int64_t rows, columns, row_stride, column_stride;
    };
    static primitive_cache::handle make(const training_context& c, const operand& a,
                                        const operand& b, const operand& y, bool accumulate);
    void run(const made_primitive& p, const float* a, const float* b, float* y,
             float* scratch) const;

    parameter_view weight_;
    const dnnl::stream* stream_;
    primitive_cache::handle forward_, data_, data_add_, weights_;
};

}  // namespace lathe::detail
