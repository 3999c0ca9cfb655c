// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/indicators.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "lathe/core/error.hpp"

using namespace lathe;

namespace {

struct points2 {
    std::vector<double> x, y;
    mutable std::vector<double> data{};
    [[nodiscard]] objective_view view() const {
        data = x;
        data.insert(data.end(), y.begin(), y.end());
        return {data, x.size(), 2};
    }
};

points2 times(points2 p, double factor) {
    for (auto* column : {&p.x, &p.y}) {
        for (auto& v : *column) v *= factor;
    }
    return p;
}

}  // namespace

TEST_CASE("published values of the indicators") {
    const points2 five{{0, 1, 2, 6, 10}, {10, 6, 2, 1, 0}};
    const points2 a{{2, 3, 4}, {4, 3, 2}};
    const points2 b{{2, 4, 8}, {8, 4, 2}};
    CHECK(igd(a.view(), five.view()) == Approx(3.707092031609239).epsilon(1e-14));
    CHECK(igd(b.view(), five.view()) == Approx(2.591483465847630).epsilon(1e-14));
    CHECK(igd_plus(a.view(), five.view()) == Approx(1.482842712474619).epsilon(1e-14));
    CHECK(igd_plus(b.view(), five.view()) == Approx(2.260112615949154).epsilon(1e-14));

    const points2 zdt{{0.01010101, 0.02020202, 0.03030303}, {0.89949622, 0.85786619, 0.82592234}};
    CHECK(multiplicative_epsilon(times(zdt, 1.1).view(), zdt.view()) == Approx(1.1).epsilon(1e-14));
    CHECK(igd_plus(times(zdt, 1.1).view(), zdt.view()) ==
          Approx(0.05329735411078149).epsilon(1e-7));
    const points2 far{{0.11111111, 0.22222222, 0.33333333}, {0.75039705, 0.60558677, 0.49446993}};
    CHECK(igd(times(far, 1.1).view(), far.view()) == Approx(0.06666608265617857).epsilon(1e-7));
}

TEST_CASE("a front against itself, a shifted one, an empty one, one with a NaN") {
    const points2 front{{0, 1, 2}, {2, 1, 0}};
    CHECK(igd(front.view(), front.view()) == 0.0);
    CHECK(additive_epsilon(front.view(), front.view()) == 0.0);
    const points2 shifted{{0.5, 1.5, 2.5}, {2.5, 1.5, 0.5}};
    CHECK(additive_epsilon(shifted.view(), front.view()) == 0.5);
    CHECK(additive_epsilon(front.view(), shifted.view()) == -0.5);
    CHECK(igd_plus(front.view(), shifted.view()) == 0.0);
    const points2 none{};
    CHECK(igd(none.view(), front.view()) == std::numeric_limits<double>::infinity());
    const points2 holed{{0, 1, 2, std::numeric_limits<double>::quiet_NaN()}, {2, 1, 0, -9}};
    CHECK(igd(holed.view(), front.view()) == 0.0);
    CHECK_THROWS_AS(igd(front.view(), none.view()), error);
    CHECK_THROWS_AS(igd(front.view(), holed.view()), error);
    CHECK_THROWS_AS(multiplicative_epsilon(front.view(), shifted.view()), error);
}
