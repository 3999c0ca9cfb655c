// SPDX-License-Identifier: Apache-2.0
// New genotypes out of old ones. Integers only, so that every platform makes the same children.
#pragma once

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

    /// Uniform crossover: each gene from either parent.
    static void cross(gene_span a, gene_span b, std::vector<std::uint16_t>& child, rng& random);
    /// Every free axis changes with the same small probability, and `more` random ones besides.
    void mutate(std::vector<std::uint16_t>& genes, std::size_t more, rng& random) const;
    /// One gene to another value: on a categorical axis any, on an ordinal one mostly a near one.
    void change(std::vector<std::uint16_t>& genes, std::uint32_t axis, rng& random) const;

private:
    std::vector<std::uint32_t> sizes_;
    std::vector<axis_kind> kinds_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> gap_;  // gap_[k]: 2^32 times the probability of k + 1 unchanged in a row
};

}  // namespace lathe::detail
