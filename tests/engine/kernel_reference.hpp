// SPDX-License-Identifier: Apache-2.0
// Activations and their derivatives in double, straight from their definitions.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "lathe/network/ops.hpp"

namespace kernel_test {

inline double plain_activation(std::optional<lathe::activation> act, double x) {
    if (!act) return x;
    switch (*act) {
        case lathe::activation::relu: return std::max(x, 0.0);
        case lathe::activation::relu6: return std::clamp(x, 0.0, 6.0);
        case lathe::activation::hard_swish: return x * std::clamp(x + 3, 0.0, 6.0) / 6;
        case lathe::activation::swish: return x / (1 + std::exp(-x));
        case lathe::activation::gelu: return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    }
    return NAN;
}

inline double plain_slope(std::optional<lathe::activation> act, double x) {
    if (!act) return 1;
    switch (*act) {
        case lathe::activation::relu: return x > 0 ? 1 : 0;
        case lathe::activation::relu6: return x > 0 && x < 6 ? 1 : 0;
        case lathe::activation::hard_swish: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
        case lathe::activation::swish: {
            const double s = 1 / (1 + std::exp(-x));
            return s * (1 + x * (1 - s));
        }
        case lathe::activation::gelu:
            return 0.5 * std::erfc(-x / std::sqrt(2.0)) +
                   x * std::exp(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846);
    }
    return NAN;
}

}  // namespace kernel_test
