// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct local_search_options {
    std::uint64_t seed = 1;
    std::size_t starts = 4;  ///< random members evaluated before a descent begins, from 1
    std::vector<genotype> first = {};  ///< warm start: proposed before the random members
};

/// Pareto local search (Paquete et al. 2004) with restarts. A descent keeps the best of what it has seen
/// (its non-dominated set; while nothing is feasible, the least violating) and proposes their neighbours
/// in random order: one gene changed, on an ordinal axis by one step. When every neighbour of the best
/// has been proposed, a new descent starts from random members. Candidates are never repeated.
class local_search {
public:
    /// Throws bad_input for options out of range and for a domain that is empty or contradicts itself.
    explicit local_search(search_domain domain, local_search_options options = {});
    ~local_search();
    local_search(local_search&&) noexcept;
    local_search& operator=(local_search&&) noexcept;

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    void receive(std::span<const immigrant> results);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);
    [[nodiscard]] optimizer_counts counts() const noexcept;
    /// Descents begun so far.
    [[nodiscard]] std::uint64_t descents() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
static_assert(ReceivingOptimizer<local_search>);

}  // namespace lathe
