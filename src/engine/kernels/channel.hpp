// SPDX-License-Identifier: Apache-2.0
// Operations between an image tensor [batch][pixels][channels] and one value per image and channel
// [batch][channels]: the pieces of the channel gate and of global average pooling. Image tensors
// are stored as T, float or bf16; all else is float32, and results are rounded once.
#pragma once

#include <cstdint>

#include "engine/kernels/bf16.hpp"
#include "lathe/network/tensor_type.hpp"

namespace lathe::kernels {

struct channel_shape {
    std::int64_t batch;
    std::int64_t pixels;  ///< height * width, at least 1
    std::int64_t channels;

    /// Of an image tensor with this many images in place of its symbolic batch.
    [[nodiscard]] static channel_shape of(const tensor_type& type, std::int64_t batch) {
        return {batch, type.dims[2].size() * type.dims[3].size(), type.dims[1].size()};
    }
};

/// mean_of[n][c] = mean over pixels of src. Forward of global average pooling.
template <class T>
void channel_mean(const channel_shape& shape, const T* src, float* mean_of);

/// dst = src * gate[n][c]; dst may be src.
template <class T>
void channel_scale(const channel_shape& shape, const T* src, const float* gate, T* dst);

/// diff_src = diff_dst * gate[n][c] and diff_gate[n][c] = sum over pixels of diff_dst * src.
/// diff_src may be diff_dst or src.
template <class T>
void channel_scale_gradient(const channel_shape& shape, const T* src, const T* diff_dst,
                            const float* gate, T* diff_src, float* diff_gate);

/// dst += factor * values[n][c].
template <class T>
void add_channel_constant(const channel_shape& shape, const float* values, float factor, T* dst);

/// dst = factor * values[n][c]. Backward of global average pooling with factor 1 / pixels.
template <class T>
void set_channel_constant(const channel_shape& shape, const float* values, float factor, T* dst);

}  // namespace lathe::kernels
