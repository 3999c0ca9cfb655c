// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/estimate.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace lathe;

TEST_CASE("an exact estimate is a finite number or failed") {
    const estimate three = estimate::exact(3.0);
    CHECK(three.known());
    CHECK(three.source == provenance::exact);
    CHECK((three.low == 3.0 && three.value == 3.0 && three.high == 3.0));
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double v : {infinity, -infinity, std::nan("")}) {
        CHECK(estimate::exact(v).status == estimate_status::failed);
        CHECK(std::isnan(estimate::exact(v).value));
    }
}
