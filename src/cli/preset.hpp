// SPDX-License-Identifier: Apache-2.0
// The search spaces that a specification names.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "lathe/data/concept.hpp"
#include "lathe/search/any.hpp"
#include "lathe/search_space/cell_space.hpp"
#include "lathe/search_space/chain_space.hpp"
#include "lathe/search_space/mobile_space.hpp"
#include "lathe/supernet/trainer.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe::cli {

/// Stays where it is made: what it gives refers to it.
class preset_space {
public:
    /// Throws bad_input, with the nearest name, for a name that is not among preset_names.
    explicit preset_space(std::string_view preset, std::int64_t classes = 10);
    preset_space(const preset_space&) = delete;
    preset_space& operator=(const preset_space&) = delete;

    [[nodiscard]] any_space any() const;
    /// The member with the most MACs, which relative limits refer to, and the one with the fewest.
    [[nodiscard]] genotype largest() const;
    [[nodiscard]] genotype smallest() const;
    /// What it is made for.
    [[nodiscard]] image_shape images() const;

    /// Sandwich rule: the largest, so many random ones, the smallest.
    [[nodiscard]] subnet_sampler sampler(int random_members) const;
    /// Members that together have the weights of all.
    [[nodiscard]] std::vector<network> with_all_weights() const;

private:
    std::variant<mobile_space, cell_space, chain_space> space_;
};

}  // namespace lathe::cli
