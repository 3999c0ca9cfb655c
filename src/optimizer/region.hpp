// SPDX-License-Identifier: Apache-2.0
// Parts of a search domain, and where to divide them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/optimizer/concept.hpp"
#include "optimizer/genotype_set.hpp"

namespace lathe::detail {

/// On each axis some of its options, ascending. A member lies where its canonical genotype does, so the
/// parts into which a region is divided share none.
struct region {
    std::vector<std::vector<std::uint16_t>> options;
    std::uint64_t serial = 0;            ///< no two regions of a search have the same
    std::optional<std::uint32_t> anchor;  ///< a member of it; none: it is the whole space

    [[nodiscard]] bool holds(gene_span g) const noexcept;
    /// Of all genotypes on the axes.
    [[nodiscard]] double share_of(std::span<const axis> axes) const noexcept;
};

[[nodiscard]] region whole_space(std::span<const axis> axes);

/// Genes as positions among the options of a region, and back. Precondition of the first: it holds g.
[[nodiscard]] genotype within(const region& r, gene_span g);
[[nodiscard]] genotype outside(const region& r, gene_span local);

/// The region as a domain of its own. A genotype that spells a member outside becomes one inside: its
/// genes are replaced by those of `anchor`, one after the other, until it is one.
[[nodiscard]] search_domain domain_within(const search_domain& whole, const region& r,
                                          const genotype& anchor);

/// A member of a region, and how good it is; more is better.
struct scored_member {
    std::uint32_t id = 0;
    gene_span genes;
    double quality = 0.0;
};

/// One axis, and those of its options that make the first part.
struct cut {
    std::size_t axis = 0;
    std::vector<std::uint16_t> first;
    double gain = 0.0;  ///< by how much the squares of differences from the mean become less
};

/// The cut after which the qualities in each part differ least, with `fewest` members in each part:
/// least-squares regression (Breiman et al. 1984), for which options of a categorical axis need only be
/// tried in the order of their means. Options without a member go with the nearer side, categorical
/// ones with the better. Nothing if no cut tells its sides apart. O(axes * members).
[[nodiscard]] std::optional<cut> best_cut(const region& r, std::span<const axis> axes,
                                          std::span<const scored_member> members,
                                          std::size_t fewest);

}  // namespace lathe::detail
