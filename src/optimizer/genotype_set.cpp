// SPDX-License-Identifier: Apache-2.0
#include "optimizer/genotype_set.hpp"

#include <algorithm>
#include <cstring>

namespace lathe::detail {
namespace {

/// Decides nothing but where an entry lies in memory. Two chains, so that one need not wait for the
/// other's multiplications.
std::uint32_t hash_genes(gene_span g) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
    constexpr std::size_t per_word = sizeof(std::uint64_t) / sizeof(std::uint16_t);
    const auto stir = [](std::uint64_t h, std::uint64_t word) {
        h = (h ^ word) * odd;
        return h ^ (h >> 29);
    };
    const auto word_at = [&](std::size_t i) {
        std::uint64_t word = 0;
        std::memcpy(&word, g.data() + i, sizeof word);
        return word;
    };
    std::uint64_t a = odd;
    std::uint64_t b = ~odd;
    std::size_t i = 0;
    for (; i + 2 * per_word <= g.size(); i += 2 * per_word) {
        a = stir(a, word_at(i));
        b = stir(b, word_at(i + per_word));
    }
    if (i + per_word <= g.size()) {
        a = stir(a, word_at(i));
        i += per_word;
    }
    for (; i < g.size(); ++i) b = stir(b, g[i]);
    const std::uint64_t h = stir(a, b);
    return static_cast<std::uint32_t>(h ^ (h >> 32));
}

constexpr std::size_t fewest_slots = 16;
constexpr std::size_t hash_genes_long = sizeof(std::uint32_t) / sizeof(std::uint16_t);

/// Bits that do not choose the slot; never 0.
std::uint8_t tag_of(std::uint32_t hash) noexcept {
    return static_cast<std::uint8_t>(hash >> 24 | 1U);
}

}  // namespace

genotype_set::genotype_set(std::size_t genes) : genes_(genes), stride_(genes + hash_genes_long) {
    make_table(fewest_slots);
}

/// The slot of the genotype, or the free one where it would be.
std::size_t genotype_set::find(gene_span g, std::uint32_t hash) const noexcept {
    const std::size_t mask = tag_.size() - 1;
    const std::uint8_t tag = tag_of(hash);
    std::size_t at = hash & mask;
    for (; tag_[at] != 0; at = (at + 1) & mask) {
        if (tag_[at] == tag && std::equal(g.begin(), g.end(), place(index_of_[at]))) break;
    }
    return at;
}

bool genotype_set::contains(gene_span g) const noexcept {
    return tag_[find(g, hash_genes(g))] != 0;
}

bool genotype_set::insert(gene_span g) {
    const std::uint32_t hash = hash_genes(g);
    const std::size_t at = find(g, hash);
    if (tag_[at] != 0) return false;
    if (size_ == blocks_.size() * per_block) {
        blocks_.push_back(std::make_unique_for_overwrite<std::uint16_t[]>(per_block * stride_));
    }
    std::memcpy(std::copy(g.begin(), g.end(), place(size_)), &hash, sizeof hash);
    tag_[at] = tag_of(hash);
    index_of_[at] = static_cast<std::uint32_t>(size_);
    ++size_;
    if (2 * size_ > tag_.size()) make_table(2 * tag_.size());
    return true;
}

void genotype_set::make_table(std::size_t slots) {
    tag_.assign(slots, 0);
    index_of_ = std::make_unique_for_overwrite<std::uint32_t[]>(slots);
    for (std::uint32_t index = 0; index < size_; ++index) {
        std::uint32_t hash = 0;
        std::memcpy(&hash, place(index) + genes_, sizeof hash);
        std::size_t at = hash & (slots - 1);
        while (tag_[at] != 0) at = (at + 1) & (slots - 1);
        tag_[at] = tag_of(hash);
        index_of_[at] = index;
    }
}

}  // namespace lathe::detail
