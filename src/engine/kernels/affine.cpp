// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/affine.hpp"

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {

void channel_affine(std::int64_t rows, std::int64_t channels, const float* src, const float* factor,
                    const float* offset, float* dst) {
    parallel_for(rows, [&](std::int64_t r) {
        const float* from = src + r * channels;
        float* to = dst + r * channels;
        for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c] * factor[c] + offset[c];
    });
}

}  // namespace lathe::kernels
