// SPDX-License-Identifier: Apache-2.0
// Evaluated candidates and the survival of the best under constraint-domination.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/pareto/crowding.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"
#include "optimizer/ledger.hpp"

namespace lathe::detail {

struct individual {
    std::uint32_t id = 0;
    std::uint32_t rank = 0;  ///< feasible: the front; infeasible: behind all fronts, by violation
    double distance = 0.0;   ///< crowding; 0 if infeasible
    double violation = 0.0;
    bool measured = true;    ///< false: infeasible and told without objectives
};

/// Better in a tournament: lower rank, then more room. Neither if both are equal.
[[nodiscard]] inline bool better(const individual& a, const individual& b) noexcept {
    // No branches: which of two parents wins cannot be predicted.
    return (a.rank < b.rank) | ((a.rank == b.rank) & (a.distance > b.distance));
}

class population {
public:
    [[nodiscard]] std::size_t size() const noexcept { return who_.size(); }
    [[nodiscard]] const individual& operator[](std::size_t i) const noexcept { return who_[i]; }
    [[nodiscard]] std::span<const double> objectives_of(std::size_t i) const noexcept {
        return std::span(values_).subspan(i * width_, width_);
    }
    [[nodiscard]] bool measured(std::size_t i) const noexcept { return who_[i].measured; }
    /// Failed results are not taken. Until survive() its rank means nothing.
    void add(const result& r);
    /// Keeps the `most` best in their order and ranks them. Feasible before infeasible (Deb 2002): the
    /// first by front and crowding, the others by violation, ties by id. No dominance test ever looks
    /// at a violation, so constraints cost one sort.
    void survive(std::size_t most);

    /// Ranks all, drops none.
    void rank() { survive(size()); }
    /// Ranks all, keeps the non-dominated (while nothing is feasible, the least violating).
    void keep_first_rank();
    /// Drops those that were added first.
    void keep_youngest(std::size_t most);

    void write(state_writer& out) const;
    void read(state_reader& in, const ledger& book);

private:
    void rank_feasible(std::size_t most);
    void rank_infeasible(std::size_t most);
    /// Drops all but kept_.
    void keep_only();

    std::size_t width_ = 0;  // objectives, once known
    std::vector<individual> who_;
    std::vector<double> values_;  // row by row

    non_dominated_sorter sorter_;
    crowding crowding_;
    std::vector<double> columns_, distance_;
    std::vector<std::uint32_t> feasible_, infeasible_, rank_, front_, start_, kept_;
    std::vector<std::uint8_t> stays_;
};

}  // namespace lathe::detail
