// SPDX-License-Identifier: Apache-2.0
// Gradients of a pass against finite differences of the oracle, which computes in double.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/scalar_network.hpp"

namespace lathe::test {

struct agreement {
    int compared = 0;
    int kinks = 0;  ///< the function is not smooth there: two step sizes disagree
};

/// Checks some entries of every gradient that a pass has left in `weights`.
inline agreement compare_gradients(const scalar_network& s, store& weights, rng random) {
    agreement a;
    for (auto& [name, t] : weights.tensors()) {
        for (int pick = 0; pick < 3; ++pick) {
            const auto i = random.below(static_cast<std::uint32_t>(t.value.size()));
            const float before = t.value[i];
            const auto slope = [&](float h) {
                t.value[i] = before + h;
                const double up = s.value(weights.reader());
                const double x1 = t.value[i];
                t.value[i] = before - h;
                const double down = s.value(weights.reader());
                const double width = x1 - t.value[i];
                t.value[i] = before;
                return (up - down) / width;
            };
            const double coarse = slope(2e-3F);
            const double fine = slope(5e-4F);
            const double size = std::max(1.0, std::abs(fine));
            if (std::abs(coarse - fine) > 2e-3 * size) {
                ++a.kinks;
                continue;
            }
            ++a.compared;
            INFO("tensor " << name << " element " << i);
            CHECK(std::abs(t.gradient[i] - fine) < 5e-3 * size);
        }
    }
    return a;
}

}  // namespace lathe::test
