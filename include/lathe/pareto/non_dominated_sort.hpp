// SPDX-License-Identifier: Apache-2.0
// Ranks of points: front 0 is the non-dominated set, front 1 what is non-dominated without it, ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lathe/pareto/dominance.hpp"
#include "lathe/pareto/lexicographic.hpp"

namespace lathe {

/// The rank of a point with a NaN, or of one behind the fronts that were asked for.
inline constexpr std::uint32_t unranked = std::numeric_limits<std::uint32_t>::max();

enum class sort_method : std::uint8_t {
    automatic,  ///< by number of objectives, as measured
    reference,  ///< fast non-dominated sort (Deb et al. 2002), O(M N^2): the oracle
    sweep2,     ///< M <= 2: one sweep over the sorted points (Jensen 2003), O(N log N)
    sweep3,     ///< M <= 3: sweep with one staircase per front, O(N log^2 N) on all but contrived input
    bitset      ///< any M: dominators as bit sets (rank intersection), O(M N^2 / 64)
};

/// Ranks points; keeps its buffers, so that ranking again allocates nothing. Not thread-safe.
class non_dominated_sorter {
public:
    explicit non_dominated_sorter(sort_method method = sort_method::automatic) noexcept
        : method_(method) {}

    /// Writes each point's rank and returns the number of fronts. Equal points share a rank. Whole
    /// fronts are ranked until they hold `enough` points; later points stay unranked. Throws bad_input
    /// if ranks.size() != N, if there is no objective, or if the method cannot take this many.
    std::uint32_t rank(const objective_view& points, std::span<std::uint32_t> ranks,
                       std::size_t enough = std::numeric_limits<std::size_t>::max());

    /// The points last ranked in lexicographic order (equal ones by index), those with a NaN left out.
    /// `visit(index)` is called once per point.
    template <class Visit>
    void for_each_in_order(Visit visit) const {
        for (const std::uint32_t index : order_.indices()) visit(index);
    }

private:
    struct step {  // of a staircase: second objective ascending, third descending
        double second;
        double third;
    };
    class front_counter;

    std::uint32_t sweep2(const objective_view& points, std::span<std::uint32_t> ranks,
                         std::size_t enough);
    std::uint32_t rank_distinct(sort_method method, const objective_view& points,
                                std::span<std::uint32_t> ranks, std::size_t enough);
    void gather_distinct(const objective_view& points);
    void sweep3(front_counter& counter);
    void bitset(front_counter& counter, std::size_t objectives);
    void deb(front_counter& counter, std::size_t objectives);
    [[nodiscard]] std::span<const double> distinct(std::size_t objective) const noexcept;

    sort_method method_;
    lexicographic_order order_, column_order_;
    std::vector<std::uint32_t> run_, multiplicity_, distinct_rank_, in_front_;
    std::vector<double> columns_;
    std::vector<std::vector<step>> stairs_;
    std::vector<std::uint64_t> tails_, rows_, running_;
    std::vector<std::uint32_t> word_rank_, by_value_;
};

/// Indices per front, ascending; unranked points are left out.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> fronts_of(
    std::span<const std::uint32_t> ranks);

}  // namespace lathe
