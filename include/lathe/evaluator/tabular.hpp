// SPDX-License-Identifier: Apache-2.0
// Known results as an evaluator: benchmark tables and recorded runs.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "lathe/evaluator/concept.hpp"

namespace lathe {

/// Looks candidates up by genotype. A genotype that is not in the table is a failure.
class tabular_evaluator {
public:
    static constexpr thread_safety safety = thread_safety::full;

    explicit tabular_evaluator(std::vector<metric_id> metrics);

    /// One value per metric, in the constructor's order. Throws bad_input for a wrong count, a
    /// genotype that is already there, or a value that is not finite.
    void add(const genotype& genes, std::span<const double> values);
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

    [[nodiscard]] std::vector<metric_id> metrics() const { return metrics_; }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity) const;

private:
    std::vector<metric_id> metrics_;
    std::unordered_map<genotype, std::size_t, genotype_hash> rows_;
    std::vector<double> values_;  ///< row-major
};
static_assert(Evaluator<tabular_evaluator>);

}  // namespace lathe
