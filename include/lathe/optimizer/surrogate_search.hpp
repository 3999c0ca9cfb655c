// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct surrogate_search_options {
    std::uint64_t seed = 1;
    std::size_t initial = 0;  ///< random members before the first model; 0: by number of axes
    std::vector<genotype> first = {};  ///< warm start: proposed before the random members
};

/// For expensive evaluations: learns each objective (and the violation, if there is any) from what was
/// told, searches the predictions with an inner NSGA-II, and proposes what promises most hypervolume
/// beyond the front, each proposal counting as done when the next one is chosen. One and many
/// objectives work too: the promise is then the improvement over the best, or over the front in the
/// additive epsilon sense (from four objectives).
///
/// Predictors are ridge regression on genes and pairs of genes, Gaussian processes and boosted stumps;
/// each objective takes the one with the least cross-validation error. Predictions are rounded before
/// they are compared. A new model costs O(n^3) in the number of outcomes and is made by the first
/// ask() after a tell(): batches of several proposals per tell are cheaper and nearly as good.
class surrogate_search {
public:
    /// Throws bad_input for a domain that is empty or contradicts itself, and for an axis of more than
    /// 1024 options.
    explicit surrogate_search(search_domain domain, surrogate_search_options options = {});
    ~surrogate_search();
    surrogate_search(surrogate_search&&) noexcept;
    surrogate_search& operator=(surrogate_search&&) noexcept;

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    void receive(std::span<const immigrant> results);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);
    [[nodiscard]] optimizer_counts counts() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
static_assert(ReceivingOptimizer<surrogate_search>);

}  // namespace lathe
