// SPDX-License-Identifier: Apache-2.0
// Does the strategy keep the promises of lathe/optimizer/concept.hpp? On several spaces, with one
// and more objectives, failures and infeasible candidates. No test framework is needed.
#include "strategy.hpp"

#include <cstdio>
#include <lathe/search_space/cell_space.hpp>
#include <lathe/testing/optimizer.hpp>

static int complaints_on(const lathe::search_domain& domain, const char* name) {
    int complaints = 0;
    const auto make = [&] { return strategy(domain, 7); };
    for (const lathe::testing::toy_problem& problem :
         {lathe::testing::toy_problem{1, 0.0, 0.0}, {2, 0.2, 0.0}, {3, 0.1, 0.5}, {2, 0.0, 1.0}}) {
        for (const auto& what : lathe::testing::optimizer_check(domain, make, problem).run()) {
            std::printf("%s, %d objectives: %s\n", name, static_cast<int>(problem.objectives),
                        what.c_str());
            ++complaints;
        }
    }
    return complaints;
}

int main() {
    const lathe::cell_space cells;
    const lathe::axis size{"size", lathe::axis_kind::ordinal, {"8", "16", "32"}};
    lathe::search_domain table{{size, size, size}, {}, std::vector<lathe::genotype>()};
    for (std::uint16_t i = 0; i < 20; ++i) {
        const auto digit = [&](int by) { return static_cast<std::uint16_t>(i / by % 3); };
        table.members->push_back({{digit(9), digit(3), digit(1)}});
    }
    int complaints = complaints_on(lathe::domain_of(cells), "cells");
    complaints += complaints_on({{size, size}, {}, std::nullopt}, "nine members");
    complaints += complaints_on(table, "table");
    std::printf("%d complaints\n", complaints);
    return complaints == 0 ? 0 : 1;
}
