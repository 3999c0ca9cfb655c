// SPDX-License-Identifier: Apache-2.0
// Distinct genotypes of one length, numbered in order of insertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lathe::detail {

using gene_span = std::span<const std::uint16_t>;

class genotype_set {
public:
    explicit genotype_set(std::size_t genes);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Stays where it is for as long as the set lives.
    [[nodiscard]] gene_span operator[](std::size_t index) const noexcept {
        return {place(index), genes_};
    }
    [[nodiscard]] bool contains(gene_span g) const noexcept;
    /// False if it was there already.
    bool insert(gene_span g);

private:
    static constexpr std::size_t per_block = 1024;

    /// The genes, and behind them their hash.
    [[nodiscard]] std::uint16_t* place(std::size_t index) const noexcept {
        return blocks_[index / per_block].get() + index % per_block * stride_;
    }
    [[nodiscard]] std::size_t find(gene_span g, std::uint32_t hash) const noexcept;
    void make_table(std::size_t slots);

    std::size_t genes_;
    std::size_t stride_;
    std::size_t size_ = 0;
    std::vector<std::unique_ptr<std::uint16_t[]>> blocks_;  // so that growing moves no gene
    /// Open addressing. A lookup reads tags, which are small, and seldom anything else.
    std::vector<std::uint8_t> tag_;             // per slot; 0: free
    std::unique_ptr<std::uint32_t[]> index_of_;  // per slot
};

}  // namespace lathe::detail
