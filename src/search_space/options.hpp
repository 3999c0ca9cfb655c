// SPDX-License-Identifier: Apache-2.0
// Lists of sizes to choose from: checks, axes and genes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/core/genotype.hpp"
#include "search_space/elastic_layers.hpp"

namespace lathe::detail {

using sizes = std::vector<std::int64_t>;

/// Throws bad_input naming `place` when the value is below `least`.
void check_number(const std::string& place, std::int64_t value, std::int64_t least);
/// Throws bad_input naming `place` unless there are options that ascend strictly, start at `least` or
/// above and leave `rest` when divided by `step`.
void check_options(const std::string& place, const sizes& options, std::int64_t least,
                   std::int64_t step = 1, std::int64_t rest = 0);

/// Index of the new axis, or -1 and no axis where there is no choice.
int add_axis(std::vector<axis>& axes, std::string name, axis_kind kind,
             std::vector<std::string> options);
int add_axis(std::vector<axis>& axes, std::string name, const sizes& options);

/// The gene of an axis from add_axis; 0 for -1.
[[nodiscard]] inline std::size_t gene(const genotype& g, int axis) {
    return axis < 0 ? 0 : g.genes[static_cast<std::size_t>(axis)];
}
/// The option that the genotype uses, of at most the last one.
[[nodiscard]] inline extent choose(const sizes& options, const genotype& g, int axis) {
    return {options[gene(g, axis)], options.back()};
}

/// The last option everywhere.
[[nodiscard]] genotype last_options(const std::vector<axis>& axes);
/// The first option everywhere.
[[nodiscard]] genotype first_options(const std::vector<axis>& axes);

}  // namespace lathe::detail
