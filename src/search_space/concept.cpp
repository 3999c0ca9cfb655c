// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/concept.hpp"

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {

void validate(const genotype& g, const std::vector<axis>& axes) {
    if (g.genes.size() != axes.size()) {
        throw error(errc::bad_input, fmt::format("genotype '{}'", to_string(g)),
                    fmt::format("{} genes for {} axes", g.genes.size(), axes.size()),
                    "give one gene per axis of this space");
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (g.genes[i] >= axes[i].size()) {
            throw error(errc::bad_input, fmt::format("genotype '{}'", to_string(g)),
                        fmt::format("axis '{}' has the value {}", axes[i].name, g.genes[i]),
                        fmt::format("give a number from 0 to {}", axes[i].size() - 1));
        }
    }
}

}  // namespace lathe
