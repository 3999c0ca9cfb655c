// SPDX-License-Identifier: Apache-2.0
// The problem on which optimizers are timed: ZDT1 (Zitzler et al. 2000) on 30 axes of 64 values each,
// read from a table, so that evaluations cost next to nothing.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace peers {

class zdt1 {
public:
    static constexpr std::size_t axes = 30;
    static constexpr std::size_t options = 64;

    zdt1() {
        for (std::size_t i = 0; i < options; ++i) {
            value_[i] = static_cast<double>(i) / static_cast<double>(options - 1);
        }
    }

    /// Both objectives, to be minimised. `gene(i)` is the option on axis i.
    template <class Gene>
    [[nodiscard]] std::array<double, 2> evaluate(Gene gene) const {
        const double first = value_[gene(0)];
        double sum = 0.0;
        for (std::size_t i = 1; i < axes; ++i) sum += value_[gene(i)];
        const double g = 1.0 + 9.0 * sum / static_cast<double>(axes - 1);
        return {first, g * (1.0 - std::sqrt(first / g))};
    }

private:
    std::array<double, options> value_;
};

}  // namespace peers
