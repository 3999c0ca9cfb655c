// SPDX-License-Identifier: Apache-2.0
// How much a point would add to what is known.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lathe::detail {

/// Points are minimised and free of NaN. Volumes are measured relative to the ranges of the front, up to
/// a reference point somewhat beyond it.
class promise {
public:
    explicit promise(std::size_t objectives) : width_(objectives) {}

    /// A point that was evaluated. All of them come before the first of().
    void add(std::span<const double> point);
    /// A point that is on its way, with its predicted objectives.
    void expect(std::span<const double> point);
    /// 0 or less if the point is expected to add nothing; the more negative, the farther from it.
    [[nodiscard]] double of(std::span<const double> point);

private:
    void settle();
    [[nodiscard]] double excess(std::span<const double> point) const;
    void insert(std::span<const double> point);

    std::size_t width_;
    std::vector<std::vector<double>> front_;
    std::vector<std::vector<double>> waiting_;
    std::vector<double> low_, span_;
    bool settled_ = false;
};

}  // namespace lathe::detail
