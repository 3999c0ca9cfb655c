// SPDX-License-Identifier: Apache-2.0
// A search_domain that has been checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/optimizer/concept.hpp"
#include "optimizer/genotype_set.hpp"

namespace lathe::detail {

class domain {
public:
    /// Throws bad_input for an axis without options, for more than 65536 of them, and for a list of
    /// members that is empty, repeats one or leaves the axes.
    explicit domain(search_domain given);

    [[nodiscard]] std::size_t genes() const noexcept { return sizes_.size(); }
    [[nodiscard]] const std::vector<axis>& axes() const noexcept { return given_.axes; }
    /// Options per axis.
    [[nodiscard]] std::span<const std::uint32_t> sizes() const noexcept { return sizes_; }
    /// Axes with a choice.
    [[nodiscard]] std::span<const std::uint32_t> free_axes() const noexcept { return free_; }
    [[nodiscard]] bool from_table() const noexcept { return given_.members.has_value(); }
    [[nodiscard]] bool is_member(gene_span g) const noexcept {
        return !from_table() || members_.contains(g);
    }
    /// In place. Throws bad_input if the space's canonical() leaves its own axes.
    void make_canonical(std::vector<std::uint16_t>& genes) const {
        if (given_.canonical) replace_by_canonical(genes);
    }

    /// How many genotypes enumerate() goes through; saturates.
    [[nodiscard]] std::uint64_t listed() const noexcept { return listed_; }
    /// Genotype `index` of the table, or of all on the axes (the last axis fastest).
    void enumerate(std::uint64_t index, std::vector<std::uint16_t>& genes) const;
    void random(std::vector<std::uint16_t>& genes, rng& random) const;

    /// Throws bad_input, naming `what`, unless the genes lie on the axes.
    void check_genes(gene_span g, std::string_view what) const;

    /// Changes with axes and table.
    [[nodiscard]] hash64 fingerprint() const noexcept { return fingerprint_; }

private:
    void check_axes();
    void replace_by_canonical(std::vector<std::uint16_t>& genes) const;

    search_domain given_;
    std::vector<std::uint32_t> sizes_, free_;
    genotype_set members_;
    std::uint64_t listed_ = 1;
    hash64 fingerprint_ = 0;
};

}  // namespace lathe::detail
