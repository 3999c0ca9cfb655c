// SPDX-License-Identifier: Apache-2.0
#include "optimizer/domain.hpp"

#include <fmt/format.h>

#include <limits>

#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

constexpr std::uint32_t most_options = 65536;

}  // namespace

domain::domain(search_domain given) : given_(std::move(given)), members_(given_.axes.size()) {
    check_axes();
    hasher h;
    for (const auto& a : given_.axes) {
        h.add(a.name).add(static_cast<std::uint64_t>(a.kind)).add(std::uint64_t{a.size()});
    }
    if (given_.members) {
        if (given_.members->empty()) {
            throw error(errc::bad_input, "search domain", "it has no member",
                        "give at least one genotype, or none of them for all on the axes");
        }
        listed_ = 0;
        for (auto& g : *given_.members) {
            check_genes(g.genes, fmt::format("member {}", listed_));
            make_canonical(g.genes);
            if (!members_.insert(g.genes)) {
                throw error(errc::bad_input, "search domain",
                            fmt::format("member {} ({}) repeats an earlier one", listed_,
                                        to_string(g)),
                            "give each member once");
            }
            h.add(hash_of(g));
            ++listed_;
        }
    }
    fingerprint_ = h.value();
}

void domain::check_axes() {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    for (std::uint32_t i = 0; i < given_.axes.size(); ++i) {
        const auto& a = given_.axes[i];
        if (a.options.empty() || a.options.size() > most_options) {
            throw error(errc::bad_input, "axis '" + a.name + "'",
                        fmt::format("it has {} options", a.options.size()),
                        fmt::format("give from 1 to {}", most_options));
        }
        sizes_.push_back(a.size());
        if (a.size() > 1) free_.push_back(i);
        listed_ = listed_ > most / a.size() ? most : listed_ * a.size();
    }
}

void domain::check_genes(gene_span g, std::string_view what) const {
    bool legal = g.size() == genes();
    for (std::size_t i = 0; legal && i < genes(); ++i) legal = g[i] < sizes_[i];
    if (legal) return;
    throw error(errc::bad_input, "search domain",
                fmt::format("{} is not on the axes: {}", what, fmt::join(g, ".")),
                fmt::format("give {} genes, each below the number of options of its axis", genes()));
}

void domain::replace_by_canonical(std::vector<std::uint16_t>& genes) const {
    genotype g = given_.canonical(genotype{genes});
    check_genes(g.genes, "a canonical form");
    genes = std::move(g.genes);
}

void domain::enumerate(std::uint64_t index, std::vector<std::uint16_t>& genes) const {
    if (given_.members) {
        genes = (*given_.members)[index].genes;
        return;
    }
    genes.resize(sizes_.size());
    for (std::size_t i = sizes_.size(); i-- > 0;) {
        genes[i] = static_cast<std::uint16_t>(index % sizes_[i]);
        index /= sizes_[i];
    }
}

void domain::random(std::vector<std::uint16_t>& genes, rng& random) const {
    genes.resize(sizes_.size());
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
        genes[i] = static_cast<std::uint16_t>(random.below(sizes_[i]));
    }
}

}  // namespace lathe::detail
