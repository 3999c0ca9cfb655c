// SPDX-License-Identifier: Apache-2.0
// All non-dominated points ever seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/pareto/dominance.hpp"

namespace lathe {

/// Unbounded. Offer it feasible points only. Equal points are all kept: they are different candidates.
/// Needs a reference point if hypervolume() is to be known, which is then updated with every insertion.
class pareto_archive {
public:
    /// `reference` is empty or has one finite number per objective; bad_input otherwise.
    explicit pareto_archive(std::size_t objectives, std::vector<double> reference = {});

    /// Takes the point unless it is dominated or holds a NaN, and drops what it dominates. Throws
    /// bad_input for a wrong number of objectives. Two objectives: O(log N) to find the place and O(N)
    /// to make room; more: O(M N). With a reference and more than two objectives, one hypervolume.
    bool insert(std::uint64_t id, std::span<const double> objectives);

    [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
    /// With two objectives by ascending first objective, else in order of insertion.
    [[nodiscard]] std::span<const std::uint64_t> ids() const noexcept { return ids_; }
    [[nodiscard]] std::span<const double> objectives_of(std::size_t i) const noexcept {
        return std::span(rows_).subspan(i * width_, width_);
    }
    /// Up to the reference point. Throws bad_input if there is none.
    [[nodiscard]] double hypervolume() const;

private:
    bool insert_sorted(std::uint64_t id, std::span<const double> p);
    bool insert_anywhere(std::uint64_t id, std::span<const double> p);
    [[nodiscard]] double gain_sorted(std::size_t at, std::span<const double> p) const;

    std::size_t width_;
    std::vector<double> reference_;
    std::vector<std::uint64_t> ids_;
    std::vector<double> rows_;
    double volume_ = 0.0;
};

}  // namespace lathe
