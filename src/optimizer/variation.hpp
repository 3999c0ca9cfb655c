// SPDX-License-Identifier: Apache-2.0
// New genotypes out of old ones. Integers only, so that every platform makes the same children.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/core/rng.hpp"
#include "optimizer/domain.hpp"

namespace lathe::detail {

class variation {
public:
    /// Mutations of a child are on average `mutations`, each on any free axis.
    variation(const domain& space, double mutations);

    /// Uniform crossover: each gene from either parent. False if the child is one of them.
    static bool cross(gene_span a, gene_span b, std::vector<std::uint16_t>& child, rng& random);
    /// Every free axis changes with the same small probability, and `more` random ones besides. False
    /// if nothing was changed.
    bool mutate(std::vector<std::uint16_t>& genes, std::size_t more, rng& random) const {
        const std::uint32_t draw = first_draw(random);
        if (leaves_all(draw, more)) return false;
        mutate_after(draw, genes, more, random);
        return true;
    }
    /// The same for a copy of the genes, which is not made if nothing is changed.
    bool mutated_copy(gene_span genes, std::size_t more, std::vector<std::uint16_t>& child,
                      rng& random) const {
        const std::uint32_t draw = first_draw(random);
        if (leaves_all(draw, more)) return false;
        child.assign(genes.begin(), genes.end());
        mutate_after(draw, child, more, random);
        return true;
    }
    /// One gene to another value: on a categorical axis any, on an ordinal one mostly a near one.
    void change(std::vector<std::uint16_t>& genes, std::uint32_t axis, rng& random) const;

private:
    [[nodiscard]] std::uint32_t first_draw(rng& random) const {
        return free_.empty() ? 0 : random.bits();
    }
    [[nodiscard]] bool leaves_all(std::uint32_t draw, std::size_t more) const {
        return free_.empty() || (more == 0 && draw < gap_.back());
    }
    void mutate_after(std::uint32_t draw, std::vector<std::uint16_t>& genes, std::size_t more,
                      rng& random) const;
    /// How many elements of gap_ are above the draw: a few steps from what its leading bits say.
    [[nodiscard]] std::size_t gaps_above(std::uint32_t draw) const;

    std::vector<std::uint32_t> sizes_;
    std::vector<axis_kind> kinds_;
    std::vector<std::uint32_t> free_;
    static constexpr unsigned draw_tail = 24;  // bits of a draw behind the leading ones
    std::array<std::uint32_t, 1U << (32 - draw_tail)> surely_above_{};
    std::vector<std::uint32_t> gap_;  // gap_[k]: 2^32 times the probability of k + 1 unchanged in a row
};

}  // namespace lathe::detail
