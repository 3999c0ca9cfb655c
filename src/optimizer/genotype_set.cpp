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

}  // namespace

/// Where the genotype is, or the free entry where it would be.
std::size_t genotype_set::find(gene_span g, std::uint32_t hash) const noexcept {
    const std::size_t mask = table_.size() - 1;
    std::size_t at = hash & mask;
    for (; table_[at].position != 0; at = (at + 1) & mask) {
        if (table_[at].hash != hash) continue;
        if (std::equal(g.begin(), g.end(), place(table_[at].position - 1))) break;
    }
    return at;
}

bool genotype_set::contains(gene_span g) const noexcept {
    return table_[find(g, hash_genes(g))].position != 0;
}

bool genotype_set::insert(gene_span g) {
    const std::uint32_t hash = hash_genes(g);
    const std::size_t at = find(g, hash);
    if (table_[at].position != 0) return false;
    if (size_ == blocks_.size() * per_block) {
        blocks_.push_back(std::make_unique_for_overwrite<std::uint16_t[]>(per_block * genes_));
    }
    std::copy(g.begin(), g.end(), place(size_));
    ++size_;
    table_[at] = {hash, static_cast<std::uint32_t>(size_)};
    if (2 * size_ > table_.size()) grow();
    return true;
}

void genotype_set::grow() {
    std::vector<entry> larger(table_.size() * 2);
    const std::size_t mask = larger.size() - 1;
    std::size_t used = 0;  // moved to the front first: which entries are free cannot be predicted
    for (const entry& e : table_) {
        table_[used] = e;
        used += e.position != 0 ? 1U : 0U;
    }
    for (std::size_t i = 0; i < used; ++i) {
        std::size_t at = table_[i].hash & mask;
        while (larger[at].position != 0) at = (at + 1) & mask;
        larger[at] = table_[i];
    }
    table_ = std::move(larger);
}

}  // namespace lathe::detail
