// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/statistics.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "lathe/core/error.hpp"

using namespace lathe;

namespace {

network normed() {
    network_builder b;
    const auto x = b.input("x", image_type(2, 3, 3));
    const auto n = b.add("norm", batch_norm_op{whole("s", {2}), whole("t", {2})}, {x});
    b.output(b.add("act", activation_op{}, {n}), output_role::features);
    return std::move(b).build();
}

std::vector<norm_statistics> good() { return {{}, {{0.5F, -1.0F}, {2.0F, 0.0F}}, {}}; }

calibrated_statistics make(std::vector<norm_statistics> by_node) {
    return calibrated_statistics(normed(), element_type::f32, 77, std::move(by_node));
}

}  // namespace

TEST_CASE("statistics belong to one network, precision and calibration set") {
    const auto s = make(good());
    CHECK(s.network_identity() == normed().identity_hash());
    CHECK(s.precision() == element_type::f32);
    CHECK(s.calibration_data() == 77);
    CHECK(s.of(1).mean == std::vector<float>{0.5F, -1.0F});
    CHECK(s.of(0).mean.empty());
}

TEST_CASE("neutral statistics are mean 0 and variance 1") {
    const auto s = calibrated_statistics::neutral(normed());
    CHECK(s.of(1).mean == std::vector<float>{0.0F, 0.0F});
    CHECK(s.of(1).variance == std::vector<float>{1.0F, 1.0F});
    CHECK(s.of(2).variance.empty());
}

TEST_CASE("statistics that are no numbers or of the wrong size are refused with the layer") {
    using Catch::Contains;
    auto wrong = good();
    wrong[1].mean[1] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(make(wrong), Contains("'norm'") && Contains("channel 1"));
    wrong = good();
    wrong[1].variance[0] = -1.0F;
    CHECK_THROWS_WITH(make(wrong), Contains("'norm'") && Contains("channel 0"));
    wrong[1].variance[0] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(make(wrong), Contains("'norm'"));
    wrong = good();
    wrong[1].variance.pop_back();
    CHECK_THROWS_WITH(make(wrong), Contains("'norm'") && Contains("1 variances for 2 channels"));
    wrong = good();
    wrong[2].mean = {1.0F};
    CHECK_THROWS_WITH(make(wrong), Contains("'act'"));
    wrong = good();
    wrong.pop_back();
    CHECK_THROWS_WITH(make(wrong), Contains("2 entries for 3 layers"));
}
