// SPDX-License-Identifier: Apache-2.0
// The oracle itself, by hand. ONNX Runtime confirms it at large in onnx_agreement_test.cpp.
#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "reference/interpreter.hpp"

using namespace lathe;

namespace {

/// Scale 2 and shift 1; every other tensor is 1, 2, 3...
void counting_weights(const param_ref& ref, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(i + 1);
    if (ref.tensor == "scale") std::fill(out.begin(), out.end(), 2.0F);
    if (ref.tensor == "shift") std::fill(out.begin(), out.end(), 1.0F);
}

network norm_network() {
    network_builder b;
    const auto in = b.input("image", image_type(1, 1, 2));
    b.output(b.add("norm", batch_norm_op{whole("scale", {1}), whole("shift", {1}), 1.0F}, {in}),
             output_role::features);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("reference: a padded 2x2 convolution") {
    network_builder b;
    const auto in = b.input("image", image_type(1, 2, 2));
    conv2d_op conv;
    conv.weight = whole("w", {1, 1, 2, 2});
    conv.padding = {1, 0};
    b.output(b.add("conv", conv, {in}), output_role::features);
    const auto values = reference::run(std::move(b).build(), counting_weights, nullptr, 1,
                                       std::vector<float>{5, 6, 7, 8});
    CHECK(values.at(1) == std::vector<double>{5 * 3 + 6 * 4, 5 + 6 * 2 + 7 * 3 + 8 * 4, 7 + 8 * 2});
}

TEST_CASE("reference: batch norm with the statistics of the batch and with given ones") {
    const auto net = norm_network();
    const std::vector<float> input{1, 2, 3, 6};  // two images; mean 3, variance 3.5
    const auto training = reference::run(net, counting_weights, nullptr, 2, input).at(1);
    const double deviation = std::sqrt(3.5 + 1.0);
    CHECK(training.at(0) == Approx(2 * (1 - 3) / deviation + 1));
    CHECK(training.at(3) == Approx(2 * (6 - 3) / deviation + 1));

    const auto measured = reference::batch_statistics(net, counting_weights, 2, input);
    CHECK(measured.at(0).mean.empty());
    CHECK(measured.at(1).mean == std::vector<float>{3.0F});
    CHECK(measured.at(1).variance == std::vector<float>{3.5F});

    const std::vector<norm_statistics> given{{}, {{1.0F}, {8.0F}}};
    const calibrated_statistics calibrated(net, element_type::f32, 1, given);
    const auto evaluation = reference::run(net, counting_weights, &given, 2, input).at(1);
    CHECK(evaluation.at(1) == Approx(2 * (2 - 1) / 3.0 + 1));
    CHECK(reference::run(net, counting_weights, calibrated, 2, input).at(1) == evaluation);
}

TEST_CASE("reference: the input must have the size of the batch") {
    const auto net = norm_network();
    CHECK_THROWS_AS(reference::run(net, counting_weights, nullptr, 2, std::vector<float>(3)),
                    std::invalid_argument);
    CHECK_THROWS_AS(reference::run(net, counting_weights, nullptr, 2, std::vector<float>(5)),
                    std::invalid_argument);
}
