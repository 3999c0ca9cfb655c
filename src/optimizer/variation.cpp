// SPDX-License-Identifier: Apache-2.0
#include "optimizer/variation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace lathe::detail {
namespace {

constexpr std::size_t per_word = 4;  // genes that are handled at a time

/// lanes[coins][k] has all bits set if coin k is 1, else none.
constexpr auto lanes = [] {
    std::array<std::array<std::uint16_t, per_word>, 1U << per_word> all{};
    for (std::size_t coins = 0; coins < all.size(); ++coins) {
        for (std::size_t k = 0; k < per_word; ++k) all[coins][k] = (coins >> k & 1U) != 0 ? 0xffff : 0;
    }
    return all;
}();

std::uint64_t word_at(const std::uint16_t* genes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, genes, sizeof word);
    return word;
}

}  // namespace

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
    for (std::uint32_t head = 0; head < surely_above_.size(); ++head) {
        const std::uint32_t last = ((head + 1) << draw_tail) - 1;  // draw that begins like this
        const auto above = std::ranges::partition_point(gap_, [&](std::uint32_t g) { return g > last; });
        surely_above_[head] = static_cast<std::uint32_t>(above - gap_.begin());
    }
}

bool variation::cross(gene_span a, gene_span b, std::vector<std::uint16_t>& child, rng& random) {
    child.resize(a.size());
    constexpr std::size_t coins_per_draw = 32;
    std::uint64_t unlike_a = 0;
    std::uint64_t unlike_b = 0;
    for (std::size_t i = 0; i < a.size();) {
        std::uint32_t coins = random.bits();
        const std::size_t end = std::min(i + coins_per_draw, a.size());
        for (; i + per_word <= end; i += per_word, coins >>= per_word) {
            const std::uint64_t from_a = word_at(lanes[coins % lanes.size()].data());
            const std::uint64_t apart = word_at(&a[i]) ^ word_at(&b[i]);
            const std::uint64_t word = word_at(&b[i]) ^ (apart & from_a);
            std::memcpy(&child[i], &word, sizeof word);
            unlike_a |= apart & ~from_a;
            unlike_b |= apart & from_a;
        }
        for (; i < end; ++i, coins >>= 1) {
            child[i] = (coins & 1U) != 0 ? a[i] : b[i];
            unlike_a |= static_cast<std::uint64_t>(child[i] ^ a[i]);
            unlike_b |= static_cast<std::uint64_t>(child[i] ^ b[i]);
        }
    }
    return unlike_a != 0 && unlike_b != 0;
}

/// One draw per mutation instead of one per gene: how many axes stay as they are.
void variation::mutate_after(std::uint32_t draw, std::vector<std::uint16_t>& genes, std::size_t more,
                             rng& random) const {
    std::size_t i = draw < gap_.back() ? gap_.size() : gaps_above(draw);
    while (i < free_.size()) {
        change(genes, free_[i], random);
        if (++i < free_.size()) i += gaps_above(random.bits());
    }
    for (; more > 0; --more) {
        change(genes, free_[random.below(static_cast<std::uint32_t>(free_.size()))], random);
    }
}

std::size_t variation::gaps_above(std::uint32_t draw) const {
    std::size_t count = surely_above_[draw >> draw_tail];
    while (count < gap_.size() && gap_[count] > draw) ++count;
    return count;
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
