// SPDX-License-Identifier: Apache-2.0
#include "optimizer/genotype_set.hpp"

#include <algorithm>

namespace lathe::detail {
namespace {

/// Four genes at a time; decides nothing but where an entry lies in memory.
std::uint64_t hash_genes(gene_span g) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
    std::uint64_t h = odd;
    std::size_t i = 0;
    for (; i + 4 <= g.size(); i += 4) {
        const std::uint64_t word = std::uint64_t{g[i]} | std::uint64_t{g[i + 1]} << 16 |
                                   std::uint64_t{g[i + 2]} << 32 | std::uint64_t{g[i + 3]} << 48;
        h = (h ^ word) * odd;
        h ^= h >> 29;
    }
    for (; i < g.size(); ++i) {
        h = (h ^ g[i]) * odd;
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

std::size_t genotype_set::find(gene_span g, std::uint64_t hash) const noexcept {
    const std::size_t mask = table_.size() - 1;
    std::size_t at = hash & mask;
    while (table_[at].position != 0) {
        if (table_[at].tag == tag_of(hash)) {
            const gene_span other = (*this)[table_[at].position - 1];
            if (std::equal(g.begin(), g.end(), other.begin())) return at;
        }
        at = (at + 1) & mask;
    }
    return at;
}

bool genotype_set::contains(gene_span g) const noexcept {
    return table_[find(g, hash_genes(g))].position != 0;
}

bool genotype_set::insert(gene_span g) {
    const std::uint64_t hash = hash_genes(g);
    const std::size_t at = find(g, hash);
    if (table_[at].position != 0) return false;
    flat_.insert(flat_.end(), g.begin(), g.end());
    hashes_.push_back(hash);
    ++size_;
    table_[at] = {tag_of(hash), static_cast<std::uint32_t>(size_)};
    if (2 * size_ > table_.size()) grow();
    return true;
}

void genotype_set::grow() {
    table_.assign(table_.size() * 2, {});
    const std::size_t mask = table_.size() - 1;
    for (std::size_t i = 0; i < size_; ++i) {
        std::size_t at = hashes_[i] & mask;
        while (table_[at].position != 0) at = (at + 1) & mask;
        table_[at] = {tag_of(hashes_[i]), static_cast<std::uint32_t>(i + 1)};
    }
}

void genotype_set::clear() {
    size_ = 0;
    flat_.clear();
    hashes_.clear();
    table_.assign(16, {});
}

}  // namespace lathe::detail
