// SPDX-License-Identifier: Apache-2.0
// Counting, sampling and describing the members of any search space.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "lathe/core/rng.hpp"
#include "lathe/search_space/concept.hpp"

namespace lathe {

/// How many: exact while it fits 64 bits, else known to 53 bits.
class member_count {
public:
    constexpr explicit member_count(std::uint64_t n)
        : exact_(n), approximate_(static_cast<double>(n)) {}

    [[nodiscard]] constexpr std::optional<std::uint64_t> exact() const noexcept { return exact_; }
    [[nodiscard]] constexpr double approximate() const noexcept { return approximate_; }

    friend member_count operator+(const member_count& a, const member_count& b) noexcept;
    friend member_count operator*(const member_count& a, const member_count& b) noexcept;

private:
    std::optional<std::uint64_t> exact_;
    double approximate_;
};

/// "3265173504", or "about 1.27e+25".
[[nodiscard]] std::string to_string(const member_count& count);

namespace detail {

/// The number of genotypes, canonical or not.
[[nodiscard]] member_count count_genotypes(const std::vector<axis>& axes) noexcept;
/// The next genotype in lexicographic order; false after the last.
[[nodiscard]] bool next_genotype(genotype& g, const std::vector<axis>& axes) noexcept;
[[noreturn]] void throw_uncountable(const member_count& genotypes);
[[noreturn]] void throw_unsampled(std::int64_t tries);

}  // namespace detail

/// Number of different members: space.count() where there is one, else by visiting every genotype.
/// Throws unsupported for more than 2^24 genotypes and no count().
template <SearchSpace Space>
[[nodiscard]] member_count count_members(const Space& space) {
    if constexpr (requires {
                      { space.count() } -> std::same_as<member_count>;
                  }) {
        return space.count();
    } else {
        const member_count genotypes = detail::count_genotypes(space.axes());
        if (genotypes.approximate() > 0x1p24) detail::throw_uncountable(genotypes);
        genotype g{std::vector<std::uint16_t>(space.axes().size(), 0)};
        std::uint64_t members = 0;
        do {
            if (space.canonical(g) == g) ++members;
        } while (detail::next_genotype(g, space.axes()));
        return member_count(members);
    }
}

/// A canonical genotype, every member with the same probability: space.sample(random) where there is
/// one, else by drawing genotypes until one is canonical, which takes (genotypes / members) draws on
/// average. Uniform genes would favour members with many spellings.
/// Throws unsupported after 10^6 draws.
template <SearchSpace Space>
[[nodiscard]] genotype sample_member(const Space& space, rng& random) {
    if constexpr (requires {
                      { space.sample(random) } -> std::same_as<genotype>;
                  }) {
        return space.sample(random);
    } else {
        constexpr std::int64_t budget = 1'000'000;
        for (std::int64_t i = 0; i < budget; ++i) {
            genotype g = random_genotype(space.axes(), random);
            if (space.canonical(g) == g) return g;
        }
        detail::throw_unsampled(budget);
    }
}

/// For people: space.describe(g) where there is one, else "axis=option axis=option ...".
template <SearchSpace Space>
[[nodiscard]] std::string describe_member(const Space& space, const genotype& g) {
    if constexpr (requires {
                      { space.describe(g) } -> std::same_as<std::string>;
                  }) {
        return space.describe(g);
    } else {
        const genotype c = space.canonical(g);
        std::string text;
        for (std::size_t i = 0; i < c.genes.size(); ++i) {
            if (i > 0) text += ' ';
            text += space.axes()[i].name + '=' + space.axes()[i].options[c.genes[i]];
        }
        return text;
    }
}

}  // namespace lathe
