// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/lexicographic.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <cmath>
#include <vector>

#include "pareto/clouds.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

std::vector<std::uint32_t> slow(const objective_view& points) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < points.points(); ++i) {
        if (!points.has_nan(i)) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        for (std::size_t m = 0; m < points.objectives(); ++m) {
            if (points.at(a, m) != points.at(b, m)) return points.at(a, m) < points.at(b, m);
        }
        return false;
    });
    return order;
}

void check(lexicographic_order& order, const cloud& c) {
    const auto got = order.sort(c.view());
    REQUIRE(std::vector<std::uint32_t>(got.begin(), got.end()) == slow(c.view()));
}

}  // namespace

TEST_CASE("radix order agrees with a stable comparison sort, with buffers used again") {
    lexicographic_order order;
    rng random(71);
    for (const std::size_t n : {0, 1, 2, 20, 21, 22, 33, 130, 700, 5000}) {
        for (std::size_t m = 1; m <= 4; ++m) {
            for (const shape kind : all_shapes) {
                INFO("N " << n << " M " << m << " shape " << int(kind));
                check(order, make_cloud(kind, n, m, random.child("cloud", 10 * n + m)));
            }
        }
    }
}

TEST_CASE("radix order holds where the leading bits say little") {
    lexicographic_order order;
    rng random(72);
    const std::size_t n = 3000;
    const auto with = [&](auto value) {
        cloud c{std::vector<double>(2 * n), n, 2};
        for (double& x : c.data) x = value();
        return c;
    };
    SECTION("one outlier, the others within a few units of the last place") {
        cloud c = with([&] { return 1.0 + random.below(40) * 0x1.0p-52; });
        c.data[n / 2] = 1e300;
        check(order, c);
    }
    SECTION("magnitudes from the smallest to the largest, both signs") {
        check(order, with([&] {
            const double x = std::ldexp(1.0 + random.real(), static_cast<int>(random.below(2090)) - 1072);
            return random.flip(0.5) ? x : -x;
        }));
    }
    SECTION("clusters within clusters") {
        check(order, with([&] {
            return random.below(3) + 1e-5 * random.below(3) + 1e-10 * random.below(30);
        }));
    }
    SECTION("zeros of both signs are equal") {
        check(order, with([&] { return random.flip(0.5) ? 0.0 : -0.0; }));
    }
}
