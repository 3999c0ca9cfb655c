// SPDX-License-Identifier: Apache-2.0
// Seeded clouds of points, half of them small integers so that ties are the norm.
#pragma once

#include <cstddef>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/pareto/dominance.hpp"

namespace lathe::test {

struct cloud {
    std::vector<double> data;
    std::size_t points = 0;
    std::size_t objectives = 0;

    [[nodiscard]] objective_view view() const { return {data, points, objectives}; }
};

enum class shape { random, ties, one_front, chain, special };
inline constexpr shape all_shapes[] = {shape::random, shape::ties, shape::one_front, shape::chain,
                                       shape::special};

inline cloud make_cloud(shape kind, std::size_t n, std::size_t m, rng random) {
    cloud c{std::vector<double>(n * m), n, m};
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double special[] = {-1.0,      0.0,      -0.0, 1.0, infinity, -infinity,
                                  std::numeric_limits<double>::quiet_NaN(), 1e-310, 1e300};
    for (std::size_t i = 0; i < n; ++i) {
        double sum = 0.0;
        const double level = random.real();
        for (std::size_t k = 0; k < m; ++k) {
            double& x = c.data[k * n + i];
            switch (kind) {
                case shape::random: x = random.real(); break;
                case shape::ties: x = random.below(5); break;
                case shape::one_front: x = k + 1 < m ? random.real() : -sum; break;
                case shape::chain: x = level; break;
                case shape::special: x = special[random.below(static_cast<std::uint32_t>(std::size(special)))]; break;
            }
            sum += x;
        }
    }
    return c;
}

}  // namespace lathe::test
