// SPDX-License-Identifier: Apache-2.0
// Operations between an image tensor [batch][pixels][channels] and one value per image and channel
// [batch][channels]: the pieces of the channel gate and of global average pooling.
#pragma once

#include <cstdint>

namespace lathe::kernels {

struct channel_shape {
    std::int64_t batch;
    std::int64_t pixels;  ///< height * width, at least 1
    std::int64_t channels;
};

/// mean_of[n][c] = mean over pixels of src. Forward of global average pooling.
void channel_mean(const channel_shape& shape, const float* src, float* mean_of);

/// dst = src * gate[n][c]; dst may be src.
void channel_scale(const channel_shape& shape, const float* src, const float* gate, float* dst);

/// diff_src = diff_dst * gate[n][c] and diff_gate[n][c] = sum over pixels of diff_dst * src.
/// diff_src may be diff_dst or src.
void channel_scale_gradient(const channel_shape& shape, const float* src, const float* diff_dst,
                            const float* gate, float* diff_src, float* diff_gate);

/// dst += factor * values[n][c].
void add_channel_constant(const channel_shape& shape, const float* values, float factor,
                          float* dst);

/// dst = factor * values[n][c]. Backward of global average pooling with factor 1 / pixels.
void set_channel_constant(const channel_shape& shape, const float* values, float factor,
                          float* dst);

}  // namespace lathe::kernels
