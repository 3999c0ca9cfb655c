// SPDX-License-Identifier: Apache-2.0
// Distinct genotypes of one length, numbered in order of insertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lathe::detail {

using gene_span = std::span<const std::uint16_t>;

class genotype_set {
public:
    explicit genotype_set(std::size_t genes) : genes_(genes), table_(16) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] gene_span operator[](std::size_t index) const noexcept {
        return std::span(flat_).subspan(index * genes_, genes_);
    }
    [[nodiscard]] bool contains(gene_span g) const noexcept;
    /// False if it was there already.
    bool insert(gene_span g);
    void clear();

private:
    struct entry {
        std::uint32_t tag = 0;       // more bits of the hash, so that strangers are rarely compared
        std::uint32_t position = 0;  // index + 1; 0 is free
    };
    [[nodiscard]] std::size_t find(gene_span g, std::uint64_t hash) const noexcept;
    void grow();

    std::size_t genes_;
    std::size_t size_ = 0;
    std::vector<std::uint16_t> flat_;
    std::vector<std::uint64_t> hashes_;
    std::vector<entry> table_;
};

}  // namespace lathe::detail
