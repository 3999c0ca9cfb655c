// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/pool.hpp"

#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

pool_shape make_shape(std::int64_t channels, std::int64_t kernel, std::int64_t stride,
                      std::int64_t padding) {
    const std::int64_t height = 9, width = 11;
    return {2,
            channels,
            height,
            width,
            (height + 2 * padding - kernel) / stride + 1,
            (width + 2 * padding - kernel - 1) / (stride + 1) + 1,
            kernel,
            kernel + 1,
            stride,
            stride + 1,
            padding,
            padding};
}

std::vector<double> plain(const pool_shape& s, lathe::pooling kind, const floats& src) {
    std::vector<double> result;
    for (std::int64_t i = 0; i < s.batch * s.out_h * s.out_w * s.channels; ++i) {
        const std::int64_t c = i % s.channels;
        const std::int64_t x = i / s.channels % s.out_w;
        const std::int64_t y = i / s.channels / s.out_w % s.out_h;
        const std::int64_t n = i / s.channels / s.out_w / s.out_h;
        double largest = -HUGE_VAL, sum = 0;
        int count = 0;
        for (std::int64_t iy = y * s.stride_h - s.padding_h;
             iy < y * s.stride_h - s.padding_h + s.kernel_h; ++iy) {
            for (std::int64_t ix = x * s.stride_w - s.padding_w;
                 ix < x * s.stride_w - s.padding_w + s.kernel_w; ++ix) {
                if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
                const double value = src[((n * s.in_h + iy) * s.in_w + ix) * s.channels + c];
                largest = std::max(largest, value);
                sum += value;
                ++count;
            }
        }
        result.push_back(kind == lathe::pooling::max ? largest : sum / count);
    }
    return result;
}

floats computed(const pool_shape& s, lathe::pooling kind, const floats& src) {
    floats result(static_cast<std::size_t>(s.batch * s.out_h * s.out_w * s.channels), NAN);
    pool_forward(s, kind, src.data(), result.data());
    return result;
}

}  // namespace

TEST_CASE("pooling equals plain loops", "[kernels]") {
    for (const auto kind : {lathe::pooling::max, lathe::pooling::average}) {
        for (const std::int64_t channels : {1, 3, 16, 37, 100}) {
            for (const std::int64_t kernel : {1, 2, 3}) {
                for (std::int64_t padding = 0; padding < kernel; ++padding) {
                    const auto s = make_shape(channels, kernel, 1 + padding, padding);
                    INFO(channels << " channels, kernel " << kernel << ", padding " << padding);
                    const floats src = random_floats(s.batch * s.in_h * s.in_w * s.channels, 5);
                    check_everywhere([&] { return computed(s, kind, src); }, plain(s, kind, src));
                }
            }
        }
    }
}

TEST_CASE("pooling passes NaN on to the windows that hold it", "[kernels]") {
    const auto s = make_shape(3, 3, 1, 1);
    floats src = random_floats(s.batch * s.in_h * s.in_w * s.channels, 5);
    src[1] = NAN;  // channel 1 of the first pixel
    for (const auto kind : {lathe::pooling::max, lathe::pooling::average}) {
        const auto expected = plain(s, lathe::pooling::average, src);
        const floats result = computed(s, kind, src);
        for (std::size_t i = 0; i < result.size(); ++i) {
            CHECK(std::isnan(result[i]) == std::isnan(expected[i]));
        }
    }
}
