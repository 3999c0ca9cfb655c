// SPDX-License-Identifier: Apache-2.0
#include "search_space/options.hpp"

#include <fmt/format.h>

#include <utility>

#include "lathe/core/error.hpp"

namespace lathe::detail {

void check_number(const std::string& place, std::int64_t value, std::int64_t least) {
    if (value < least) {
        throw error(errc::bad_input, place, fmt::format("{}", value),
                    fmt::format("give at least {}", least));
    }
}

void check_options(const std::string& place, const sizes& options, std::int64_t least,
                   std::int64_t step, std::int64_t rest) {
    bool good = !options.empty();
    for (std::size_t i = 0; i < options.size(); ++i) {
        good = good && options[i] >= least && options[i] % step == rest &&
               (i == 0 || options[i - 1] < options[i]);
    }
    if (good) return;
    std::string kind = "numbers";
    if (step > 1) kind = rest == 0 ? fmt::format("multiples of {}", step) : "odd numbers";
    throw error(errc::bad_input, place, fmt::format("options [{}]", fmt::join(options, ", ")),
                fmt::format("give at least one option: ascending {} from {} on", kind, least));
}

int add_axis(std::vector<axis>& axes, std::string name, axis_kind kind,
             std::vector<std::string> options) {
    if (options.size() < 2) return -1;
    axes.push_back({std::move(name), kind, std::move(options)});
    return static_cast<int>(axes.size()) - 1;
}

int add_axis(std::vector<axis>& axes, std::string name, const sizes& options) {
    std::vector<std::string> texts;
    for (const auto n : options) texts.push_back(std::to_string(n));
    return add_axis(axes, std::move(name), axis_kind::ordinal, std::move(texts));
}

genotype last_options(const std::vector<axis>& axes) {
    genotype g;
    for (const auto& a : axes) g.genes.push_back(static_cast<std::uint16_t>(a.size() - 1));
    return g;
}

genotype first_options(const std::vector<axis>& axes) {
    return genotype{std::vector<std::uint16_t>(axes.size(), 0)};
}

}  // namespace lathe::detail
