// SPDX-License-Identifier: Apache-2.0
// Convolutions of one group, and linear layers, on dense NHWC tensors of float32, with bias,
// residual and activation applied while the sums are in registers. Register tiles over packed
// weights as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008);
// rows of the image take the place of a matrix that would repeat them (im2col).
#pragma once

#include <cstdint>
#include <optional>

#include "lathe/network/ops.hpp"

namespace lathe::kernels {

/// out = (in + 2 padding - kernel) / stride + 1 in each direction. A linear layer is a convolution
/// of images of one pixel.
struct dense_shape {
    std::int64_t batch;
    std::int64_t in_channels, in_h, in_w;
    std::int64_t out_channels, out_h, out_w;
    std::int64_t kernel_h = 1, kernel_w = 1;
    std::int64_t stride_h = 1, stride_w = 1;
    std::int64_t padding_h = 0, padding_w = 0;
    std::int64_t result_pitch = 0;  ///< floats between the pixels of dst; 0: out_channels
};

inline constexpr std::int64_t dense_highest_kernel = 16;

/// Whether dense_forward takes this shape: kernel height at most dense_highest_kernel.
[[nodiscard]] bool has_dense(const dense_shape& shape);

/// Floats of the packed weights and bias: out_channels rounded up to 16 of each.
[[nodiscard]] std::int64_t dense_weight_floats(const dense_shape& shape);
/// weight: [out_channels][in_channels][kernel_h][kernel_w], bias: [out_channels] or null.
void pack_dense_weights(const dense_shape& shape, const float* weight, const float* bias,
                        float* packed);

/// Floats of scratch that dense_forward needs on at most `threads` threads; 0 without padding.
[[nodiscard]] std::int64_t dense_scratch_floats(const dense_shape& shape, int threads);

/// dst = act(convolution of src + bias + residual). residual: null, or laid out as dst, and may be
/// dst. `scratch` must have been sized for at least omp_get_max_threads() threads. Each result is
/// one sum in a fixed order: bits do not depend on the batch or the thread count. NaN is passed on.
/// Throws error (internal) unless has_dense(shape), and for a swish or gelu with room between
/// pixels. O(MACs).
void dense_forward(const dense_shape& shape, std::optional<activation> act, const float* src,
                   const float* packed, const float* residual, float* scratch, float* dst);

/// sums[out][in] += sum over rows of diff_dst[row][out] * src[row][in], in the calling thread: the
/// weight gradient of a linear layer or a pointwise convolution. Throws error (internal) unless
/// `in` is a multiple of 16.
void dense_add_weight_gradient(std::int64_t rows, std::int64_t out, std::int64_t in,
                               const float* diff_dst, const float* src, float* sums);

}  // namespace lathe::kernels
