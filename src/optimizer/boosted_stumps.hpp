// SPDX-License-Identifier: Apache-2.0
// Regression on genotypes by boosted stumps: additive, robust, cheap on many axes.
#pragma once

#include <cstdint>
#include <vector>

#include "optimizer/domain.hpp"
#include "optimizer/training_data.hpp"

namespace lathe::detail {

/// Gradient boosting of squared error (Friedman 2001) with depth one: a stump parts one axis, an
/// ordinal one at a threshold, a categorical one by a single option.
class boosted_stumps {
public:
    explicit boosted_stumps(const domain& space);

    /// Error of `folds`-fold cross-validation over the variance of the values.
    [[nodiscard]] double cross_validate(const training_data& data) const;
    /// Precondition: n >= 2. O(rounds * n * axes).
    void fit(const training_data& data);
    [[nodiscard]] double mean(gene_span genes) const;

private:
    std::vector<std::uint32_t> sizes_;
    std::vector<axis_kind> kinds_;
    double offset_ = 0.0;
    std::vector<std::vector<double>> effect_;  // per axis and option: the sum of all stumps
};

}  // namespace lathe::detail
