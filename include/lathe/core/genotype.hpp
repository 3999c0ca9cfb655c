// SPDX-License-Identifier: Apache-2.0
// A point of a search space: one option index per axis.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/core/rng.hpp"

namespace lathe {

/// Whether neighbouring options of an axis are similar (sizes) or not (kinds of layer).
enum class axis_kind : std::uint8_t { ordinal, categorical };

/// One decision of a search space. Precondition of every user: options is not empty.
struct axis {
    std::string name;
    axis_kind kind = axis_kind::ordinal;
    std::vector<std::string> options;

    [[nodiscard]] std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(options.size());
    }
};

/// genes[i] < axes[i].size().
struct genotype {
    std::vector<std::uint16_t> genes;

    friend auto operator<=>(const genotype&, const genotype&) = default;
};

[[nodiscard]] hash64 hash_of(const genotype& g) noexcept;

/// "3.0.1.2": one index per axis, the text form used in files.
[[nodiscard]] std::string to_string(const genotype& g);

/// Reads the text form. Throws bad_input naming the axis and its range.
[[nodiscard]] genotype parse_genotype(std::string_view text, const std::vector<axis>& axes);

/// Every gene independent and uniform.
[[nodiscard]] genotype random_genotype(const std::vector<axis>& axes, rng& random);

struct genotype_hash {
    std::size_t operator()(const genotype& g) const noexcept { return hash_of(g); }
};

}  // namespace lathe
