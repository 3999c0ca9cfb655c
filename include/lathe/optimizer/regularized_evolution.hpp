// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct regularized_evolution_options {
    std::uint64_t seed = 1;
    std::size_t population = 50;   ///< the youngest that may be parents, from 2
    std::size_t tournament = 10;   ///< contestants for parenthood, from 2 to the population
    double mutations = 0.5;        ///< mutated genes of a child on average; repeats get more
    std::vector<genotype> first = {};  ///< warm start: proposed before the random members
};

/// Regularized evolution (Real et al. 2019): the child of a tournament's winner joins, the oldest
/// leaves, however good it was. Age is the order of tell(), so overlapping evaluations stay
/// deterministic. The winner is the best by constraint-domination, then by crowding within the
/// population; with one objective simply the best. Candidates are never repeated (see nsga2), failed
/// ones do not join. O(P log P) per outcome at most.
class regularized_evolution {
public:
    /// Throws bad_input for options out of range and for a domain that is empty or contradicts itself.
    explicit regularized_evolution(search_domain domain,
                                   regularized_evolution_options options = {});
    ~regularized_evolution();
    regularized_evolution(regularized_evolution&&) noexcept;
    regularized_evolution& operator=(regularized_evolution&&) noexcept;

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
static_assert(ReceivingOptimizer<regularized_evolution>);

}  // namespace lathe
