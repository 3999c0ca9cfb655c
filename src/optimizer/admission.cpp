// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/admission.hpp"

#include <fmt/format.h>

namespace lathe {
namespace {

genotype canonical_of(const search_domain& domain, const genotype& g) {
    return domain.canonical ? domain.canonical(g) : g;
}

double number(double violation) {
    return std::isnan(violation) ? std::numeric_limits<double>::infinity() : violation;
}

/// Every step takes the single change that helps most (the first of equals), so it ends.
genotype repaired(const search_domain& domain, const exact_violation& violation, genotype g) {
    g = canonical_of(domain, g);
    double now = number(violation(g));
    while (now > 0.0) {
        genotype best = g;
        double least = now;
        for (std::size_t a = 0; a < g.genes.size(); ++a) {
            genotype other = g;
            for (std::uint32_t o = 0; o < domain.axes[a].size(); ++o) {
                other.genes[a] = static_cast<std::uint16_t>(o);
                genotype form = canonical_of(domain, other);
                const double v = number(violation(form));
                if (v < least) {
                    least = v;
                    best = std::move(form);
                }
            }
        }
        if (least == now) break;
        now = least;
        g = std::move(best);
    }
    return g;
}

}  // namespace

search_domain with_repair(search_domain domain, exact_violation violation) {
    if (domain.members || !violation) {
        throw error(errc::bad_input, "with_repair", "the domain is a table, or there is no violation",
                    "leave infeasible rows out of the table instead");
    }
    const search_domain inner = domain;
    domain.canonical = [inner, violation = std::move(violation)](const genotype& g) {
        return repaired(inner, violation, g);
    };
    return domain;
}

namespace detail {

void give_up(std::size_t refused, double least) {
    throw error(errc::infeasible, "screened",
                fmt::format("none of {} proposals keeps the exact limits; the nearest misses them by "
                            "{:.3g}",
                            refused, least),
                "loosen the limits, enlarge the space, or allow more patience");
}

}  // namespace detail
}  // namespace lathe
