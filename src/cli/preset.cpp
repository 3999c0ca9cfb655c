// SPDX-License-Identifier: Apache-2.0
#include "cli/preset.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "cli/spec.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe::cli {
namespace {

using space_variant = std::variant<mobile_space, cell_space, chain_space>;

space_variant make_space(std::string_view preset, std::int64_t classes) {
    const auto for_data = [&](auto spec) {
        spec.classes = classes;
        return spec;
    };
    if (preset == "mobile28") return mobile_space(for_data(mobile28()));
    if (preset == "mobile32") return mobile_space(for_data(mobile32()));
    if (preset == "cell32") return cell_space(for_data(cell32()));
    if (preset == "chain28") return chain_space(for_data(chain28()));
    const std::string_view near = nearest_name(preset, preset_names);
    throw error(errc::bad_input, "PRESET", fmt::format("'{}' is no preset", preset),
                near.empty() ? fmt::format("there are {}", fmt::join(preset_names, ", "))
                             : fmt::format("did you mean '{}'?", near));
}

/// Every edge with the same op.
genotype uniform_cell(std::string_view op) {
    return parse_cell(fmt::format("|{0}~0|+|{0}~0|{0}~1|+|{0}~0|{0}~1|{0}~2|", op));
}

}  // namespace

preset_space::preset_space(std::string_view preset, std::int64_t classes)
    : space_(make_space(preset, classes)) {}

any_space preset_space::any() const {
    return std::visit([](const auto& s) { return any_space(s); }, space_);
}

genotype preset_space::largest() const {
    const auto* cells = std::get_if<cell_space>(&space_);
    return cells != nullptr ? cells->reference() : any().largest().value();
}

genotype preset_space::smallest() const {
    const auto* cells = std::get_if<cell_space>(&space_);
    if (cells == nullptr) return any().smallest().value();
    return cells->canonical(parse_cell("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"));
}

image_shape preset_space::images() const {
    const network net = any().lower(largest());
    const auto extent = [&](std::size_t i) {
        return static_cast<std::int32_t>(net.at(net.inputs().front()).type.dims[i].size());
    };
    return {extent(2), extent(3), extent(1)};
}

subnet_sampler preset_space::sampler(int random_members) const {
    return [this, random_members](rng random) {
        const any_space space = any();
        std::vector<network> nets;
        nets.push_back(space.lower(largest()));
        for (int i = 0; i < random_members; ++i) nets.push_back(space.lower(space.sample(random)));
        nets.push_back(space.lower(smallest()));
        return nets;
    };
}

std::vector<network> preset_space::with_all_weights() const {
    const any_space space = any();
    std::vector<network> nets;
    nets.push_back(space.lower(largest()));
    // Weights of a cell belong to its ops: the member of 3x3 convolutions has none of the 1x1 ones.
    if (std::holds_alternative<cell_space>(space_)) {
        nets.push_back(space.lower(uniform_cell("nor_conv_1x1")));
    }
    return nets;
}

}  // namespace lathe::cli
