// SPDX-License-Identifier: Apache-2.0
#include "optimizer/region.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

namespace lathe::detail {
namespace {

std::size_t position_of(const std::vector<std::uint16_t>& options, std::uint16_t gene) {
    return static_cast<std::size_t>(std::ranges::lower_bound(options, gene) - options.begin());
}

/// What domain_within() refers to.
struct inner_space {
    search_domain whole;
    region part;
    genotype anchor;

    [[nodiscard]] genotype canonical(const genotype& local) const {
        if (!whole.canonical) return local;
        genotype spelt = outside(part, local.genes);
        genotype member = whole.canonical(spelt);
        for (std::size_t i = 0; i < spelt.genes.size() && !part.holds(member.genes); ++i) {
            if (spelt.genes[i] == anchor.genes[i]) continue;
            spelt.genes[i] = anchor.genes[i];
            member = whole.canonical(spelt);
        }
        return within(part, member.genes);
    }
};

/// Members on one side of a cut. Qualities are halves of whole numbers, so sums and products are exact.
struct side {
    double members = 0.0;
    double sum = 0.0;

    void add(const side& other) {
        members += other.members;
        sum += other.sum;
    }
    [[nodiscard]] double square() const { return sum * sum / members; }
};

bool better_mean(const side& a, const side& b) { return a.sum * b.members > b.sum * a.members; }

/// Positions of options in the order in which cuts go through them.
std::vector<std::size_t> order_of(const std::vector<side>& tally, axis_kind kind) {
    std::vector<std::size_t> order(tally.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (kind == axis_kind::ordinal) return order;
    const auto seen = std::ranges::stable_partition(
        order, [&](std::size_t k) { return tally[k].members == 0.0; });
    std::ranges::stable_sort(
        seen, [&](std::size_t a, std::size_t b) { return better_mean(tally[a], tally[b]); });
    return order;
}

/// The first `boundary` of `order` make the first part.
struct boundary_cut {
    double gain = 0.0;
    std::size_t boundary = 0;
};

std::optional<boundary_cut> best_boundary(const std::vector<side>& tally,
                                          const std::vector<std::size_t>& order,
                                          std::size_t fewest) {
    const auto least = static_cast<double>(fewest);
    side total;
    for (const side& s : tally) total.add(s);
    std::optional<boundary_cut> best;
    std::optional<std::size_t> before;
    side left;
    for (std::size_t at = 0; at < order.size(); ++at) {
        const side& here = tally[order[at]];
        if (here.members == 0.0) continue;
        const side right{total.members - left.members, total.sum - left.sum};
        const bool apart = better_mean(left, right) || better_mean(right, left);
        if (before && left.members >= least && right.members >= least && apart) {
            const double gain = left.square() + right.square() - total.square();
            if (!best || gain > best->gain) best = {gain, (*before + at + 1) / 2};
        }
        left.add(here);
        before = at;
    }
    return best;
}

}  // namespace

bool region::holds(gene_span g) const noexcept {
    for (std::size_t i = 0; i < g.size(); ++i) {
        if (!std::ranges::binary_search(options[i], g[i])) return false;
    }
    return true;
}

double region::share_of(std::span<const axis> axes) const noexcept {
    double share = 1.0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        share *= static_cast<double>(options[i].size()) / static_cast<double>(axes[i].size());
    }
    return share;
}

region whole_space(std::span<const axis> axes) {
    region r;
    for (const axis& a : axes) {
        r.options.emplace_back(a.size());
        std::iota(r.options.back().begin(), r.options.back().end(), std::uint16_t{0});
    }
    return r;
}

genotype within(const region& r, gene_span g) {
    genotype local;
    local.genes.reserve(g.size());
    for (std::size_t i = 0; i < g.size(); ++i) {
        local.genes.push_back(static_cast<std::uint16_t>(position_of(r.options[i], g[i])));
    }
    return local;
}

genotype outside(const region& r, gene_span local) {
    genotype g;
    g.genes.reserve(local.size());
    for (std::size_t i = 0; i < local.size(); ++i) g.genes.push_back(r.options[i][local[i]]);
    return g;
}

search_domain domain_within(const search_domain& whole, const region& r, const genotype& anchor) {
    search_domain d;
    for (std::size_t i = 0; i < whole.axes.size(); ++i) {
        axis a{whole.axes[i].name, whole.axes[i].kind, {}};
        for (const auto option : r.options[i]) a.options.push_back(whole.axes[i].options[option]);
        d.axes.push_back(std::move(a));
    }
    const auto shared = std::make_shared<const inner_space>(
        inner_space{{whole.axes, whole.canonical, std::nullopt}, r, anchor});
    d.canonical = [shared](const genotype& local) { return shared->canonical(local); };
    if (whole.members) {
        d.members.emplace();
        for (const genotype& g : *whole.members) {
            const genotype member = whole.canonical ? whole.canonical(g) : g;
            if (r.holds(member.genes)) d.members->push_back(within(r, member.genes));
        }
    }
    return d;
}

std::optional<cut> best_cut(const region& r, std::span<const axis> axes,
                            std::span<const scored_member> members, std::size_t fewest) {
    std::optional<cut> best;
    std::vector<side> tally;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto& options = r.options[i];
        if (options.size() < 2) continue;
        tally.assign(options.size(), {});
        for (const scored_member& m : members) {
            tally[position_of(options, m.genes[i])].add({1.0, m.quality});
        }
        const auto order = order_of(tally, axes[i].kind);
        const auto here = best_boundary(tally, order, fewest);
        if (!here || (best && here->gain <= best->gain)) continue;
        best = {i, {}, here->gain};
        for (std::size_t k = 0; k < here->boundary; ++k) best->first.push_back(options[order[k]]);
        std::ranges::sort(best->first);
    }
    return best;
}

}  // namespace lathe::detail
