// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/estimate.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

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

TEST_CASE("the numbers of an estimate are checked in one place") {
    const estimate fine{1.0, 0.5, 2.0, 0.95, provenance::measured, estimate_status::known, false};
    CHECK(flaw_of(fine).empty());
    CHECK(flaw_of(estimate::missing(estimate_status::not_measured)).empty());
    const auto with = [&](auto change) {
        estimate e = fine;
        change(e);
        return std::string(flaw_of(e));
    };
    CHECK(with([](estimate& e) { e.value = std::nan(""); }) == "is known but not finite");
    CHECK(with([](estimate& e) { e.high = HUGE_VAL; }) == "is known but not finite");
    CHECK(with([](estimate& e) { e.low = -HUGE_VAL; }) == "is known but not finite");
    CHECK(with([](estimate& e) { e.low = e.high = 0.0; }) == "is outside its interval");
    CHECK(with([](estimate& e) { e.confidence = std::nan(""); }) ==
          "has a confidence outside [0, 1]");
    CHECK(with([](estimate& e) { e.source = provenance::exact; }) ==
          "is exact but has an interval");
}
