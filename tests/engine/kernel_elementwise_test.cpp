// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise.hpp"

#include "kernel_reference.hpp"
#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;
using lathe::activation;

// Everything from deep saturation to the kinks, and the kinks themselves.
floats inputs(std::int64_t count) {
    floats values = random_floats(count, 1, 12.0F);
    const floats special{0.0F, -3.0F, 3.0F, 6.0F, -0.0F, 100.0F, -100.0F, 1e-6F};
    std::copy_n(special.begin(), std::min(special.size(), values.size()), values.begin());
    return values;
}

}  // namespace

TEST_CASE("activations equal their definitions in both directions", "[kernels]") {
    const auto act = static_cast<activation>(GENERATE(range(0, 5)));
    for (const std::int64_t count : {1, 3, 16, 33, 70001}) {
        INFO("activation " << static_cast<int>(act) << " count " << count);
        const floats src = inputs(count);
        const floats diff_dst = random_floats(count, 2);
        std::vector<double> expected, slopes;
        for (std::size_t i = 0; i < src.size(); ++i) {
            expected.push_back(plain_activation(act, src[i]));
            slopes.push_back(diff_dst[i] * plain_slope(act, src[i]));
        }
        const auto forward = [&] {
            floats values = src;
            activation_forward(act, count, values.data(), values.data());
            return values;
        };
        const auto backward = [&] {
            floats values = diff_dst;
            activation_backward(act, count, src.data(), values.data(), values.data());
            return values;
        };
        check_everywhere(forward, expected, 1e-6);
        check_everywhere(backward, slopes, 1e-6);
    }
}

TEST_CASE("activations pass NaN on", "[kernels]") {
    const auto act = static_cast<activation>(GENERATE(range(0, 5)));
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        floats values(35, 1.0F);
        values[5] = values[34] = NAN;
        activation_forward(act, 35, values.data(), values.data());
        for (std::size_t i = 0; i < 35; ++i) CHECK(std::isnan(values[i]) == (i == 5 || i == 34));
        floats gradient(35, NAN);
        const floats src(35, 1.0F);
        activation_backward(act, 35, src.data(), gradient.data(), gradient.data());
        for (const float value : gradient) CHECK(std::isnan(value));
    }
}

TEST_CASE("add in place", "[kernels]") {
    for (const std::int64_t count : {0, 1, 17, 100001}) {
        const floats a = random_floats(count, 1);
        const floats b = random_floats(count, 2);
        std::vector<float> expected;
        for (std::size_t i = 0; i < a.size(); ++i) expected.push_back(a[i] + b[i]);
        const auto compute = [&] {
            floats sum = a;
            add_inplace(count, b.data(), sum.data());
            return sum;
        };
        check_everywhere(compute, expected, 1e-12);
    }
}
