// SPDX-License-Identifier: Apache-2.0
// Batch norm by the calling thread alone, on some rows of dense tensors with channels last that are
// stored as T: what batch_norm.hpp's loops and the fused layers of training are made of.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/kernels/bf16.hpp"
#include "engine/kernels/chunks.hpp"
#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// Per channel, what both directions need to compute the value before the activation:
/// (src - mean) * factor + shift with factor = scale * inv_std.
struct normalization {
    const float* mean;
    const float* factor;
    const float* shift;
};

/// Per channel, diff_src = factor * gradient - (src - mean) * slope - offset, where the gradient is the
/// one before the activation.
struct gradient_terms {
    const float* slope;
    const float* offset;
};

/// Each works on `rows` rows of `channels` values; sums are [2][channels] and added to.
template <class T>
struct batch_norm_passes {
    /// Sums of (src - pivot) and of its square; pivot: [channels].
    void (*moments)(std::int64_t channels, std::int64_t rows, const T* src, const T* pivot,
                    float* sums);
    /// `streaming`: past the caches.
    void (*normalize)(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                      const T* src, const normalization& norm, T* dst, bool streaming);
    /// Sums of the gradient before the activation, and of its product with src - mean.
    void (*gradient_sums)(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                          const T* src, const T* diff_dst, const normalization& norm, float* sums);
    /// The same, and puts the gradient before the activation in the place of the one behind it.
    void (*activation_gradient)(std::optional<activation> act, std::int64_t channels,
                                std::int64_t rows, const T* src, T* diff,
                                const normalization& norm, float* sums);
    /// From the gradient behind the activation; without an activation they are the same.
    void (*gradient)(std::optional<activation> act, std::int64_t channels, std::int64_t rows,
                     const T* src, const T* diff_dst, const normalization& norm,
                     const gradient_terms& terms, T* diff_src, bool streaming);
};

/// As compiled for this CPU.
template <class T>
[[nodiscard]] batch_norm_passes<T> batch_norm_passes_for();

/// What `moments` left of each chunk of a tensor, with the chunk's first row as pivot:
/// [chunks][2][channels].
struct chunk_moments {
    const float* sums;
    row_chunks chunks;
};

/// Per channel; all are written but scale.
struct channel_statistics {
    const float* scale;
    float* mean;
    float* variance;  ///< of the population (divided by rows)
    float* inv_std;   ///< 1 / sqrt(variance + epsilon)
    float* factor;
};

/// Statistics of the channels in `part`. A sum over the chunks in double, whatever thread does it.
template <class T>
void finish_moments(const chunk_moments& moments, std::int64_t channels, const T* src,
                    float epsilon, index_range part, const channel_statistics& out);

/// Those of one channel.
void set_statistics(const channel_statistics& out, std::int64_t channel, double mean,
                    double variance, float epsilon);

/// Per channel; the first three are read.
struct channel_gradients {
    const float* sums;  ///< [chunks][2][channels], what `gradient_sums` left of each chunk
    const float* inv_std;
    const float* factor;
    float* diff_scale;
    float* diff_shift;
    float* slope;
    float* offset;
};

/// Gradients of the channels in `part` from `chunks` sums over `rows` rows.
void finish_gradient_sums(std::int64_t chunks, std::int64_t rows, std::int64_t channels,
                          index_range part, const channel_gradients& g);

}  // namespace lathe::kernels
