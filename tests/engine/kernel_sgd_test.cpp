// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/sgd.hpp"

#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

}  // namespace

TEST_CASE("sgd step equals its formula", "[kernels]") {
    const sgd_settings settings{0.1F, 0.9F, 1e-2F, 0.5F};
    for (const std::int64_t count : {0, 1, 3, 16, 17, 67, 100003}) {
        const floats gradient = random_floats(count, 1);
        const floats velocity = random_floats(count, 2);
        const floats weight = random_floats(count, 3);
        std::vector<double> expected;
        std::vector<double> speeds;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            const double direction = 0.5 * gradient[i] + 1e-2 * weight[i];
            speeds.push_back(0.9 * velocity[i] + direction);
            expected.push_back(weight[i] - 0.1 * (direction + 0.9 * speeds.back()));
        }
        expected.insert(expected.end(), speeds.begin(), speeds.end());
        const auto compute = [&] {
            floats w = weight;
            floats v = velocity;
            sgd_step(settings, gradient, v, w);
            w.insert(w.end(), v.begin(), v.end());
            return w;
        };
        check_everywhere(compute, expected, 1e-6);
    }
}

TEST_CASE("sum of squares is accurate and keeps NaN", "[kernels]") {
    for (const std::int64_t count : {0, 1, 5, 31, 32, 33, 4097, 300007}) {
        floats values = random_floats(count, 4);
        double expected = 0;
        for (const float value : values) expected += static_cast<double>(value) * value;
        for (const std::int64_t target : attainable_targets()) {
            const only_target only(target);
            CHECK(sum_of_squares(values) == Approx(expected).epsilon(1e-6));
        }
        const auto run = [&](int threads) {
            const thread_count set(threads);
            return sum_of_squares(values);
        };
        CHECK(run(1) == run(2));
        CHECK(run(1) == run(3));
        if (count == 0) continue;
        values[static_cast<std::size_t>(count / 2)] = NAN;
        CHECK(std::isnan(sum_of_squares(values)));
    }
}
