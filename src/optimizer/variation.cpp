// SPDX-License-Identifier: Apache-2.0
#include "optimizer/variation.hpp"

#include <algorithm>
#include <bit>

namespace lathe::detail {

variation::variation(const domain& space, double mutations)
    : sizes_(space.sizes().begin(), space.sizes().end()),
      free_(space.free_axes().begin(), space.free_axes().end()) {
    for (const auto& a : space.axes()) kinds_.push_back(a.kind);
    const double rate =
        std::min(1.0, mutations / std::max(1.0, static_cast<double>(free_.size())));
    double unchanged = 4294967295.0;
    for (std::size_t k = 0; k < free_.size(); ++k) {
        unchanged *= 1.0 - rate;
        gap_.push_back(static_cast<std::uint32_t>(unchanged));
    }
}

void variation::cross(gene_span a, gene_span b, std::vector<std::uint16_t>& child, rng& random) {
    child.resize(a.size());
    constexpr std::size_t coins_per_draw = 32;
    for (std::size_t first = 0; first < a.size(); first += coins_per_draw) {
        const std::uint32_t coins = random.bits();
        const std::size_t count = std::min(coins_per_draw, a.size() - first);
        for (std::size_t k = 0; k < count; ++k) {
            const auto from_a = static_cast<std::uint16_t>(0U - (coins >> k & 1U));
            child[first + k] = static_cast<std::uint16_t>((a[first + k] & from_a) |
                                                          (b[first + k] & ~from_a));
        }
    }
}

void variation::mutate(std::vector<std::uint16_t>& genes, std::size_t more, rng& random) const {
    if (free_.empty()) return;
    // One draw per mutation instead of one per gene: how many axes stay as they are.
    for (std::size_t i = 0; i < free_.size(); ++i) {
        const std::uint32_t draw = random.bits();
        const auto skip = std::partition_point(gap_.begin(), gap_.end(),
                                               [&](std::uint32_t g) { return g > draw; });
        i += static_cast<std::size_t>(skip - gap_.begin());
        if (i < free_.size()) change(genes, free_[i], random);
    }
    for (; more > 0; --more) {
        change(genes, free_[random.below(static_cast<std::uint32_t>(free_.size()))], random);
    }
}

void variation::change(std::vector<std::uint16_t>& genes, std::uint32_t axis, rng& random) const {
    const std::uint32_t size = sizes_[axis];
    const std::uint32_t old = genes[axis];
    std::uint32_t coins = random.bits();
    if (kinds_[axis] == axis_kind::ordinal && size > 2 && (coins & 3U) != 0) {
        const bool up = (coins & 4U) != 0;
        const std::uint32_t far = size - 1;
        // 1 with probability 1/2, 2 with 1/4, ...
        const auto step = 1 + static_cast<std::uint32_t>(std::countr_zero((coins >> 3) | 1U << 15));
        const std::uint32_t room_up = far - old;
        const bool goes_up = up ? room_up > 0 : old == 0;
        genes[axis] = static_cast<std::uint16_t>(goes_up ? old + std::min(step, room_up)
                                                         : old - std::min(step, old));
        return;
    }
    const std::uint32_t other = random.below(size - 1);
    genes[axis] = static_cast<std::uint16_t>(other < old ? other : other + 1);
}

}  // namespace lathe::detail
