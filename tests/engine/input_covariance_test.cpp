// SPDX-License-Identifier: Apache-2.0
// Statistics of y = W x from the covariance of x, against those of y itself.
#include "engine/input_covariance.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "lathe/core/rng.hpp"

using namespace lathe;
using namespace lathe::detail;

namespace {

constexpr std::int64_t pixels = 500, channels = 7, outputs = 20;

std::vector<float> numbers(std::int64_t count, std::uint64_t seed, float mean) {
    rng random(seed);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (auto& v : values) v = mean + static_cast<float>(random.normal());
    return values;
}

/// Sums of x x^T and of x over the pixels from `first` to `last`.
std::vector<double> products(const std::vector<float>& x, std::int64_t first, std::int64_t last) {
    std::vector<double> sums(static_cast<std::size_t>(input_covariance::product_values(channels)));
    for (std::int64_t p = first; p < last; ++p) {
        const float* const row = x.data() + p * channels;
        for (std::int64_t i = 0; i < channels; ++i) {
            for (std::int64_t j = 0; j < channels; ++j) {
                sums[static_cast<std::size_t>(i * channels + j)] += double{row[i]} * double{row[j]};
            }
            sums[static_cast<std::size_t>(channels * channels + i)] += double{row[i]};
        }
    }
    return sums;
}

/// What the library computes of y = weight x, with room for it.
struct statistics {
    std::vector<float> input_mean = std::vector<float>(channels);
    std::vector<float> matrix = std::vector<float>(channels * channels);
    std::vector<float> weighted = std::vector<float>(outputs * channels);
    std::vector<float> scale = numbers(outputs, 3, 1.0F);
    std::vector<float> mean = std::vector<float>(outputs, -1.0F);
    std::vector<float> variance = mean, inv_std = mean, factor = mean;

    statistics(const std::vector<float>& x, const std::vector<float>& weight,
               const std::vector<kernels::index_range>& parts) {
        const auto first = products(x, 0, 123);
        const auto second = products(x, 123, pixels);
        const double* const both[] = {first.data(), second.data()};
        const input_covariance of_x{channels, input_mean.data(), matrix.data()};
        of_x.take(both, pixels);
        for (const auto& part : parts) {
            combine_channels(
                of_x, weight.data(), part, 1e-5F, weighted.data(),
                {scale.data(), mean.data(), variance.data(), inv_std.data(), factor.data()});
        }
    }
};

}  // namespace

TEST_CASE("statistics of a product follow from mean and covariance of what it is made of") {
    const auto x = numbers(pixels * channels, 1, 0.7F);
    const auto weight = numbers(outputs * channels, 2, 0.0F);
    const statistics s(x, weight, {{0, 3}, {3, outputs}});
    for (std::int64_t o = 0; o < outputs; ++o) {
        double sum = 0.0;
        double square = 0.0;
        for (std::int64_t p = 0; p < pixels; ++p) {
            double y = 0.0;
            for (std::int64_t i = 0; i < channels; ++i) {
                y += double{weight[static_cast<std::size_t>(o * channels + i)]} *
                     double{x[static_cast<std::size_t>(p * channels + i)]};
            }
            sum += y;
            square += y * y;
        }
        const double mean = sum / pixels;
        const double variance = square / pixels - mean * mean;
        const auto at = static_cast<std::size_t>(o);
        CHECK(s.mean[at] == Approx(mean).margin(1e-5));
        CHECK(s.variance[at] == Approx(variance).epsilon(1e-5));
        CHECK(s.inv_std[at] == Approx(1.0 / std::sqrt(variance + 1e-5)).epsilon(1e-5));
        CHECK(s.factor[at] == Approx(s.scale[at] * s.inv_std[at]));
    }
}

TEST_CASE("only the outputs asked for are written") {
    const auto x = numbers(pixels * channels, 1, 0.0F);
    const statistics s(x, numbers(outputs * channels, 2, 0.0F), {{4, 6}});
    for (std::size_t o = 0; o < outputs; ++o) {
        CHECK((s.variance[o] != -1.0F) == (o == 4 || o == 5));
    }
}

TEST_CASE("a constant channel has no variance, and NaN stays NaN") {
    auto x = numbers(pixels * channels, 1, 0.0F);
    for (std::int64_t p = 0; p < pixels; ++p) x[static_cast<std::size_t>(p * channels)] = 3.1F;
    std::vector<float> first_only(outputs * channels, 0.0F);
    for (std::size_t o = 0; o < outputs; ++o) first_only[o * channels] = 1.0F;
    const statistics s(x, first_only, {{0, outputs}});
    CHECK(s.mean[0] == Approx(3.1F));
    CHECK(s.variance[0] >= 0.0F);
    CHECK(s.variance[0] < 1e-5F);
    x[channels + 2] = std::numeric_limits<float>::quiet_NaN();
    const statistics broken(x, numbers(outputs * channels, 2, 0.0F), {{0, outputs}});
    CHECK(std::isnan(broken.mean[0]));
    CHECK(std::isnan(broken.variance[0]));
    CHECK(std::isnan(broken.inv_std[0]));
}

TEST_CASE("products of weights are those of their definition") {
    const auto weight = numbers(outputs * channels, 4, 0.0F);
    const auto scale = numbers(outputs, 5, 0.0F);
    std::vector<float> got(channels * channels, 7.0F);
    for (const kernels::index_range part : {kernels::index_range{0, 2}, {2, channels}}) {
        weight_products(weight.data(), scale.data(), outputs, channels, part, got.data());
    }
    for (std::size_t i = 0; i < channels; ++i) {
        for (std::size_t j = 0; j < channels; ++j) {
            double sum = 0.0;
            for (std::size_t o = 0; o < outputs; ++o) {
                sum += double{scale[o]} * double{weight[o * channels + i]} *
                       double{weight[o * channels + j]};
            }
            CHECK(got[i * channels + j] == Approx(sum).margin(1e-5));
        }
    }
}
