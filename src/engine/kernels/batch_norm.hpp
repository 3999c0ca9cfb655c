// SPDX-License-Identifier: Apache-2.0
// Training batch norm fused with an activation, on dense tensors with channels last that are stored
// as T: float or bf16. Everything is computed in float32 from the widened values and rounded once.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/kernels/batch_norm_passes.hpp"
#include "engine/kernels/bf16.hpp"
#include "lathe/network/ops.hpp"

namespace lathe::kernels {

struct batch_norm_shape {
    std::int64_t rows;  ///< batch * height * width, at least 1
    std::int64_t channels;
};

/// Floats of scratch that either direction needs, for any thread count.
[[nodiscard]] std::int64_t batch_norm_scratch(const batch_norm_shape& shape);

template <class T>
struct batch_norm_forward_args {
    const T* src;        ///< [rows][channels]
    const float* scale;  ///< [channels]
    const float* shift;  ///< [channels]
    T* dst;              ///< [rows][channels]; may be src (but backward needs src)
    float* mean;         ///< [channels], out
    float* variance;     ///< [channels], out: of the population (divided by rows)
    float* inv_std;      ///< [channels], out: 1 / sqrt(variance + epsilon)
    float* scratch;
    std::optional<chunk_moments> moments = {};  ///< of src, where somebody else took them
};

/// dst = act(scale * (src - mean) * inv_std + shift). Reads src twice (once with moments), writes dst once. Bits do not
/// depend on the thread count, and the statistics of bf16 have the bits of float's on the widened
/// values. NaN or infinity in a channel makes that whole channel NaN.
template <class T = float>
void batch_norm_forward(const batch_norm_shape& shape, std::optional<activation> act,
                        float epsilon, const batch_norm_forward_args<T>& args);

template <class T>
struct batch_norm_backward_args {
    const T* src;           ///< [rows][channels], the forward input
    const T* diff_dst;      ///< [rows][channels], with respect to the activated output
    const float* scale;     ///< [channels]
    const float* shift;     ///< [channels]
    const float* mean;      ///< [channels], from forward
    const float* inv_std;   ///< [channels], from forward
    T* diff_src;            ///< [rows][channels]; may be diff_dst or src
    float* diff_scale;      ///< [channels], overwritten
    float* diff_shift;      ///< [channels], overwritten
    float* scratch;
};

/// Gradient of batch_norm_forward. The value before the activation is recomputed from src with the
/// same operations as in forward, so the forward output is not needed.
template <class T = float>
void batch_norm_backward(const batch_norm_shape& shape, std::optional<activation> act,
                         const batch_norm_backward_args<T>& args);

}  // namespace lathe::kernels
