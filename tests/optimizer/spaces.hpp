// SPDX-License-Identifier: Apache-2.0
// Search domains for tests.
#pragma once

#include <string>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe::test {

inline axis make_axis(std::size_t options, axis_kind kind = axis_kind::ordinal) {
    axis a{"axis" + std::to_string(options), kind, {}};
    for (std::size_t i = 0; i < options; ++i) a.options.push_back(std::to_string(i));
    return a;
}

inline search_domain grid(std::vector<std::size_t> sizes, axis_kind kind = axis_kind::ordinal) {
    search_domain d;
    for (const auto n : sizes) d.axes.push_back(make_axis(n, kind));
    return d;
}

/// The first axis is a depth d: genes behind the d-th are inactive and 0 in canonical form.
inline search_domain depth_space(std::size_t deepest, std::size_t options) {
    search_domain d;
    d.axes.push_back(make_axis(deepest + 1));
    for (std::size_t i = 0; i < deepest; ++i) {
        d.axes.push_back(make_axis(options, axis_kind::categorical));
    }
    d.canonical = [](genotype g) {
        for (std::size_t i = g.genes[0] + std::size_t{1}; i < g.genes.size(); ++i) g.genes[i] = 0;
        return g;
    };
    return d;
}

/// A few rows out of many genotypes.
inline search_domain table_space() {
    search_domain d = grid({10, 10, 10, 10, 10, 10, 10, 10});
    d.members.emplace();
    for (std::uint16_t i = 0; i < 150; ++i) {
        const auto digit = [&](int k) { return static_cast<std::uint16_t>((i * 7 + k * i) % 10); };
        genotype g;
        g.genes = {static_cast<std::uint16_t>(i / 100), static_cast<std::uint16_t>(i / 10 % 10),
                   static_cast<std::uint16_t>(i % 10), digit(1), digit(2), digit(3), digit(4), 0};
        d.members->push_back(g);
    }
    return d;
}

}  // namespace lathe::test
