// SPDX-License-Identifier: Apache-2.0
// Knows, while points are being ranked one by one, which fronts can still matter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "lathe/pareto/non_dominated_sort.hpp"

namespace lathe {

/// Counts points per front. Once the fronts below `limit()` hold enough points, a point of that rank
/// or worse cannot be wanted; counts only grow, so the limit only falls.
class non_dominated_sorter::front_counter {
public:
    front_counter(std::vector<std::uint32_t>& in_front, std::size_t enough)
        : in_front_(in_front), enough_(std::max<std::size_t>(enough, 1)) {
        in_front_.clear();
    }

    [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }

    /// Precondition: rank < limit() and rank <= number of fronts so far.
    void add(std::uint32_t rank, std::uint32_t count) {
        if (rank == in_front_.size()) in_front_.push_back(0);
        in_front_[rank] += count;
        below_limit_ += count;
        if (below_limit_ < enough_) return;
        if (limit_ == unranked) limit_ = static_cast<std::uint32_t>(in_front_.size());
        while (below_limit_ - in_front_[limit_ - 1] >= enough_) below_limit_ -= in_front_[--limit_];
    }

    [[nodiscard]] std::uint32_t fronts() const noexcept {
        return std::min(limit_, static_cast<std::uint32_t>(in_front_.size()));
    }

private:
    std::vector<std::uint32_t>& in_front_;
    std::size_t enough_;
    std::size_t below_limit_ = 0;
    std::uint32_t limit_ = unranked;
};

}  // namespace lathe
