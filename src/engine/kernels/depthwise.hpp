// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution on dense NHWC tensors stored as T (float or bf16), where oneDNN has no fast
// path. All arithmetic is float32.
#pragma once

#include <cstdint>

namespace lathe::kernels {

/// One filter per channel; `pad` zeros on all four sides. out = (in + 2 pad - kernel) / stride + 1.
struct depthwise_shape {
    std::int64_t batch;
    std::int64_t channels;
    std::int64_t in_h;
    std::int64_t in_w;
    std::int64_t out_h;
    std::int64_t out_w;
    std::int64_t kernel_h;
    std::int64_t kernel_w;
    std::int64_t stride;
    std::int64_t pad;
};

/// Floats of scratch that depthwise_weight_gradient needs, for either T, when at most `threads`
/// threads run it.
[[nodiscard]] std::int64_t depthwise_weight_gradient_scratch(const depthwise_shape& shape,
                                                             int threads);

/// diff_weight[kernel_h][kernel_w][channels] = sum over batch and positions of diff_dst * src.
/// src: [batch][in_h][in_w][channels], diff_dst: [batch][out_h][out_w][channels]. Overwrites
/// diff_weight. `scratch` must have been sized for at least omp_get_max_threads() threads.
/// The result does not depend on the thread count, and for bf16 has the bits of float's for the
/// widened tensors. Any kernel, stride, pad and channel count; kernel widths 3, 5 and 7 with strides
/// 1 and 2 are fast.
template <class T>
void depthwise_weight_gradient(const depthwise_shape& shape, const T* src, const T* diff_dst,
                               float* diff_weight, float* scratch);

/// The same in parts, for callers that cut the batch themselves. Floats of one part's sums, [blocks of
/// 16 channels][kernel_h][kernel_w][16], and of the buffer that a thread needs; both begin at a cache
/// line.
[[nodiscard]] std::int64_t depthwise_sum_floats(const depthwise_shape& shape);
[[nodiscard]] std::int64_t depthwise_buffer_floats(const depthwise_shape& shape);
/// Adds the whole batch of `shape` to the sums, in the calling thread.
template <class T>
void depthwise_add_weight_gradient(const depthwise_shape& shape, const T* src, const T* diff_dst,
                                   float* sums, float* buffer);
/// diff_weight = the total of the sums of `parts`, which lie one behind the other.
void depthwise_total(const depthwise_shape& shape, std::int64_t parts, const float* sums,
                     float* diff_weight);

}  // namespace lathe::kernels
