// SPDX-License-Identifier: Apache-2.0
// Mean and covariance of the channels of an image tensor: the mean and the variance of every linear
// combination of the channels follow from them.
#pragma once

#include <cstdint>
#include <span>

#include "engine/kernels/batch_norm_passes.hpp"

namespace lathe::detail {

/// Of the population, one row for each channel; channels x channels.
struct input_covariance {
    std::int64_t channels;
    float* mean;
    float* matrix;

    [[nodiscard]] static std::int64_t product_values(std::int64_t channels) {
        return channels * (channels + 1);
    }
    /// products: for each part of the pixels, the sums of x x^T, row by row, then the sums of x.
    void take(std::span<const double* const> products, std::int64_t pixels) const;
};

/// For the outputs `part` of y = weight x, weight being (outputs, channels): weight times the
/// covariance, and the statistics of y. A negative variance, which rounding may leave, becomes 0;
/// NaN stays NaN.
void combine_channels(const input_covariance& x, const float* weight,
                      const kernels::index_range& part, float epsilon, float* weighted,
                      const kernels::channel_statistics& y);

/// Rows `part` of weight^T diag(scale) weight, (channels, channels).
void weight_products(const float* weight, const float* scale, std::int64_t outputs,
                     std::int64_t channels, const kernels::index_range& part, float* products);

}  // namespace lathe::detail
