// SPDX-License-Identifier: Apache-2.0
// Points of objectives and the order between them. Every objective is minimised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lathe {

/// N points of M objectives, column by column: objective m of point i is data[m * N + i]. A view.
/// Values may be infinite. A point with a NaN takes no part in anything: it is never ranked, dominates
/// nothing and adds no volume.
class objective_view {
public:
    /// Throws bad_input unless data.size() == points * objectives.
    objective_view(std::span<const double> data, std::size_t points, std::size_t objectives);

    [[nodiscard]] std::size_t points() const noexcept { return points_; }
    [[nodiscard]] std::size_t objectives() const noexcept { return objectives_; }
    [[nodiscard]] std::span<const double> column(std::size_t objective) const noexcept {
        return data_.subspan(objective * points_, points_);
    }
    [[nodiscard]] double at(std::size_t point, std::size_t objective) const noexcept {
        return data_[objective * points_ + point];
    }
    [[nodiscard]] bool has_nan(std::size_t point) const noexcept;

private:
    std::span<const double> data_;
    std::size_t points_;
    std::size_t objectives_;
};

enum class relation : std::uint8_t { dominates, dominated, equal, incomparable };

/// How `a` stands to `b`: it dominates where it is nowhere worse and somewhere better. Incomparable if
/// either holds a NaN. Precondition: the same length. O(M).
[[nodiscard]] relation compare(std::span<const double> a, std::span<const double> b) noexcept;

/// The same for two points of one view.
[[nodiscard]] relation compare(const objective_view& points, std::size_t a, std::size_t b) noexcept;

}  // namespace lathe
