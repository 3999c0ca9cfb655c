// SPDX-License-Identifier: Apache-2.0
// The optimizer's update of weights that are matrices.
#pragma once

#include <cstdint>
#include <span>

namespace lathe::kernels {

struct muon_settings {
    float rate;
    float momentum;
    float gradient_scale = 1.0F;  ///< clipping factor
};

/// Three matrices (rows, columns), dense and row-major, that do not overlap.
struct muon_matrix {
    std::int64_t rows;
    std::int64_t columns;
    std::span<const float> gradient;
    std::span<float> velocity;
    std::span<float> weight;
};

/// Muon (Jordan et al. 2024) with Nesterov momentum, for weights that a norm follows. With
/// g = gradient_scale * gradient and orthogonal(x) five of its quintic Newton-Schulz steps on
/// x / |x|, which bring all singular values near 1:
/// velocity = momentum * velocity + g; o = orthogonal(g + momentum * velocity);
/// weight -= rate * |weight| / sqrt(rows) * o, then scaled to the Frobenius norm it had, so that
/// a step turns it by about rate * sqrt(min(rows, columns) / rows) of its norm. Weights stay where
/// the direction is zero, or shorter than 1e-15. Each matrix is one thread's work, so the bits do
/// not depend on the thread count. O(rows * columns * min(rows, columns)) for each. Precondition:
/// finite values. Throws std::bad_alloc; some matrices have made their step then.
void muon_step(const muon_settings& settings, std::span<const muon_matrix> matrices);

/// Floats that muon_step takes for each thread, for matrices of at most `largest` elements.
[[nodiscard]] constexpr std::int64_t muon_scratch(std::int64_t largest) { return 4 * largest; }

}  // namespace lathe::kernels
