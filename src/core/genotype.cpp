// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/genotype.hpp"

#include <fmt/format.h>

#include <charconv>

#include "lathe/core/error.hpp"

namespace lathe {

hash64 hash_of(const genotype& g) noexcept {
    hasher h;
    h.add(std::uint64_t{g.genes.size()});
    for (const auto gene : g.genes) h.add(std::uint64_t{gene});
    return h.value();
}

std::string to_string(const genotype& g) { return fmt::format("{}", fmt::join(g.genes, ".")); }

genotype parse_genotype(std::string_view text, const std::vector<axis>& axes) {
    genotype g;
    const std::string whole(text);
    for (const auto& a : axes) {
        const std::string_view field = text.substr(0, text.find('.'));
        std::uint16_t gene = 0;
        const auto [end, status] =
            std::from_chars(field.data(), field.data() + field.size(), gene);
        if (status != std::errc{} || end != field.data() + field.size() || gene >= a.size()) {
            throw error(errc::bad_input, "genotype '" + whole + "'",
                        fmt::format("axis '{}' has the value '{}'", a.name, field),
                        fmt::format("give a number from 0 to {}", a.size() - 1));
        }
        g.genes.push_back(gene);
        text.remove_prefix(std::min(text.size(), field.size() + 1));
    }
    if (!text.empty()) {
        throw error(errc::bad_input, "genotype '" + whole + "'",
                    fmt::format("more genes than the {} axes of the space", axes.size()));
    }
    return g;
}

genotype random_genotype(const std::vector<axis>& axes, rng& random) {
    genotype g;
    g.genes.reserve(axes.size());
    for (const auto& a : axes) g.genes.push_back(static_cast<std::uint16_t>(random.below(a.size())));
    return g;
}

}  // namespace lathe
