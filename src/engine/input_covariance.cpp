// SPDX-License-Identifier: Apache-2.0
#include "engine/input_covariance.hpp"

#include <algorithm>
#include <vector>

namespace lathe::detail {

void input_covariance::take(std::span<const double* const> products, std::int64_t pixels) const {
    const auto n = static_cast<double>(pixels);
    const auto mean_of = [&](std::int64_t at) {
        double sum = 0.0;
        for (const double* const part : products) sum += part[at];
        return sum / n;
    };
    std::vector<double> means;
    for (std::int64_t i = 0; i < channels; ++i) {
        means.push_back(mean_of(channels * channels + i));
        mean[i] = static_cast<float>(means.back());
    }
    for (std::int64_t at = 0; at < channels * channels; ++at) {
        const double product = means[static_cast<std::size_t>(at / channels)] *
                               means[static_cast<std::size_t>(at % channels)];
        matrix[at] = static_cast<float>(mean_of(at) - product);
    }
}

void combine_channels(const input_covariance& x, const float* weight,
                      const kernels::index_range& part, float epsilon, float* weighted,
                      const kernels::channel_statistics& y) {
    for (std::int64_t o = part.first; o < part.last; ++o) {
        const float* const w = weight + o * x.channels;
        float* const sums = weighted + o * x.channels;
        std::fill_n(sums, x.channels, 0.0F);
        double mean = 0.0;
        for (std::int64_t i = 0; i < x.channels; ++i) {
            mean += double{w[i]} * double{x.mean[i]};
            const float* const row = x.matrix + i * x.channels;
            for (std::int64_t j = 0; j < x.channels; ++j) sums[j] += w[i] * row[j];
        }
        double variance = 0.0;
        for (std::int64_t j = 0; j < x.channels; ++j) variance += double{w[j]} * double{sums[j]};
        kernels::set_statistics(y, o, mean, variance < 0.0 ? 0.0 : variance, epsilon);
    }
}

void weight_products(const float* weight, const float* scale, std::int64_t outputs,
                     std::int64_t channels, const kernels::index_range& part, float* products) {
    std::fill(products + part.first * channels, products + part.last * channels, 0.0F);
    for (std::int64_t o = 0; o < outputs; ++o) {
        const float* const w = weight + o * channels;
        for (std::int64_t i = part.first; i < part.last; ++i) {
            const float factor = scale[o] * w[i];
            float* const row = products + i * channels;
            for (std::int64_t j = 0; j < channels; ++j) row[j] += factor * w[j];
        }
    }
}

}  // namespace lathe::detail
