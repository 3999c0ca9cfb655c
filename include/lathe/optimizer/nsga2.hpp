// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct nsga2_options {
    std::uint64_t seed = 1;
    std::size_t population = 32;   ///< any number from 2
    /// Outcomes told between two selections: 0 is a whole population (generational), 1 steady state.
    std::size_t offspring = 0;
    double crossover = 0.6;        ///< probability that a child has two parents
    double mutations = 0.35;       ///< mutated genes of a child on average; repeats get more
    std::vector<genotype> first = {};  ///< warm start: proposed before the random members
};

/// NSGA-II (Deb et al. 2002) on integer and categorical genes, one child per mating. Parents win
/// tournaments of two by constraint-domination and crowding; children are crossed uniformly, mutated,
/// made canonical and never repeat a candidate: a repeat is mutated further a bounded number of times,
/// then replaced by a random new member.
///
/// ask() always answers: before the first selection with random members, later with children of the
/// present parents, so evaluations may overlap and fail. With ask(population) and tell of all of them
/// it is the textbook algorithm. O(N log N) per generation with two objectives.
class nsga2 {
public:
    /// Throws bad_input for options out of range and for a domain that is empty or contradicts itself.
    explicit nsga2(search_domain domain, nsga2_options options = {});
    ~nsga2();
    nsga2(nsga2&&) noexcept;
    nsga2& operator=(nsga2&&) noexcept;

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    void receive(std::span<const immigrant> results);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);
    [[nodiscard]] optimizer_counts counts() const noexcept;

    /// Ids of the present parents: the survivors of the last selection.
    [[nodiscard]] std::vector<std::uint64_t> parents() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
static_assert(ReceivingOptimizer<nsga2>);

}  // namespace lathe
