// SPDX-License-Identifier: Apache-2.0
// The optimizer's update of one contiguous range of weights, and norms for gradient clipping.
#pragma once

#include <span>

namespace lathe::kernels {

struct sgd_settings {
    float learning_rate;
    float momentum;
    float weight_decay;
    float gradient_scale = 1.0F;  ///< clipping factor, applied before weight decay
};

/// Nesterov momentum (Sutskever et al. 2013) as PyTorch writes it, with
/// d = gradient_scale * gradient + weight_decay * weight:
/// velocity = momentum * velocity + d; weight -= learning_rate * (d + momentum * velocity).
/// The three ranges have one length and do not overlap.
void sgd_step(const sgd_settings& settings, std::span<const float> gradient,
              std::span<float> velocity, std::span<float> weight);

/// Sum of squares; bits do not depend on the thread count. NaN and infinity are passed on.
[[nodiscard]] double sum_of_squares(std::span<const float> values);

}  // namespace lathe::kernels
