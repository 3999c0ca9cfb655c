// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/loss.hpp"

#include <limits>

#include "kernel_support.hpp"
#include "lathe/core/error.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

struct loss_result {
    double loss;
    floats gradient;
};

loss_result with_labels(const classification_shape& shape, const floats& logits,
                        const std::vector<std::int32_t>& labels, float smoothing) {
    loss_result r{0, floats(logits.size(), NAN)};
    r.loss = softmax_cross_entropy(shape, logits.data(), labels.data(), smoothing,
                                   r.gradient.data());
    return r;
}

double plain_loss(const classification_shape& shape, const std::vector<double>& logits,
                  const std::vector<double>& targets) {
    double total = 0;
    for (std::int64_t n = 0; n < shape.batch; ++n) {
        double sum = 0;
        for (std::int64_t c = 0; c < shape.classes; ++c) {
            sum += std::exp(logits[n * shape.classes + c]);
        }
        for (std::int64_t c = 0; c < shape.classes; ++c) {
            const std::int64_t i = n * shape.classes + c;
            total -= targets[i] * std::log(std::exp(logits[i]) / sum);
        }
    }
    return total / static_cast<double>(shape.batch);
}

}  // namespace

TEST_CASE("cross-entropy equals its definition, its gradient finite differences", "[kernels]") {
    const float smoothing = GENERATE(0.0F, 0.1F);
    for (const std::int64_t classes : {1, 2, 10, 33}) {
        const classification_shape shape{5, classes};
        const floats logits = random_floats(5 * classes, 3, 4.0F);
        std::vector<std::int32_t> labels;
        std::vector<double> targets, exact(logits.begin(), logits.end());
        for (std::int32_t n = 0; n < 5; ++n) {
            labels.push_back(n * 7 % static_cast<std::int32_t>(classes));
            for (std::int64_t c = 0; c < classes; ++c) {
                targets.push_back(static_cast<double>(smoothing) / static_cast<double>(classes) +
                                  (c == labels.back() ? 1.0 - static_cast<double>(smoothing) : 0));
            }
        }
        const loss_result r = with_labels(shape, logits, labels, smoothing);
        CHECK(r.loss == Approx(plain_loss(shape, exact, targets)).margin(1e-12));
        std::vector<double> slopes;
        for (double& logit : exact) {
            constexpr double step = 1e-5;
            const double kept = logit;
            logit = kept + step;
            const double above = plain_loss(shape, exact, targets);
            logit = kept - step;
            slopes.push_back((above - plain_loss(shape, exact, targets)) / (2 * step));
            logit = kept;
        }
        CHECK(relative_error(r.gradient, slopes) < 1e-6);

        const floats soft(targets.begin(), targets.end());
        floats gradient(logits.size());
        const double loss =
            softmax_cross_entropy(shape, logits.data(), soft.data(), gradient.data());
        CHECK(loss == Approx(r.loss).epsilon(1e-6).margin(1e-6));
        CHECK(relative_error(gradient, r.gradient) < 1e-6);
    }
}

TEST_CASE("softmax sums to one and survives large logits", "[kernels]") {
    const classification_shape shape{2, 3};
    floats values{1e4F, 1e4F, -1e4F, -3e38F, 3e38F, 0};
    softmax(shape, values.data(), values.data());
    CHECK(values == floats{0.5F, 0.5F, 0, 0, 1, 0});
}

TEST_CASE("cross-entropy of extreme logits", "[kernels]") {
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(with_labels({1, 3}, {1e4F, 0, -1e4F}, {0}, 0).loss == 0);
    CHECK(with_labels({1, 3}, {1e4F, 0, -1e4F}, {2}, 0).loss == 2e4);
    CHECK(with_labels({1, 3}, {0, 0, -infinity}, {0}, 0).loss == Approx(std::log(2.0)));
    for (std::size_t place = 0; place < 3; ++place) {
        for (const float bad : {NAN, infinity}) {
            floats logits{1, 2, 3, 4, 5, 6};
            logits[place] = bad;
            CHECK(std::isnan(with_labels({2, 3}, logits, {0, 1}, 0).loss));
        }
    }
    CHECK(std::isnan(with_labels({1, 2}, {-infinity, -infinity}, {0}, 0).loss));
}

TEST_CASE("cross-entropy refuses labels that are no class", "[kernels]") {
    CHECK_THROWS_AS(with_labels({2, 3}, floats(6), {0, 3}, 0), lathe::error);
    CHECK_THROWS_WITH(with_labels({2, 3}, floats(6), {-1, 0}, 0),
                      Catch::Contains("label -1 of sample 0"));
}

TEST_CASE("cross-entropy does not depend on the thread count", "[kernels]") {
    const classification_shape shape{64, 1000};
    const floats logits = random_floats(64000, 5, 3.0F);
    const std::vector<std::int32_t> labels(64, 17);
    const auto run = [&](int threads) {
        const thread_count set(threads);
        return with_labels(shape, logits, labels, 0.1F);
    };
    const loss_result one = run(1);
    for (const int threads : {2, 3}) {
        const loss_result more = run(threads);
        CHECK(more.loss == one.loss);
        CHECK(same_bits(more.gradient, one.gradient));
    }
}
