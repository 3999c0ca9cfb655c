// SPDX-License-Identifier: Apache-2.0
// Every shipped optimizer, made small enough for spaces of a few members.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/islands.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"

namespace lathe::toy {

inline auto two_islands(const search_domain& d) {
    std::vector<std::variant<nsga2, regularized_evolution>> all;
    all.emplace_back(nsga2(d, {.seed = 8, .population = 4}));
    all.emplace_back(regularized_evolution(d, {.seed = 9, .population = 4, .tournament = 2}));
    return islands(std::move(all), {.every = 6, .migrants = 2});
}

/// Calls visit(name, make) for each; make(domain) gives the same optimizer every time.
template <class Visit>
void for_each_strategy(Visit visit) {
    visit("random_search", [](const search_domain& d) { return random_search(d, {.seed = 3}); });
    visit("nsga2", [](const search_domain& d) { return nsga2(d, {.seed = 3, .population = 6}); });
    visit("nsga2, steady state", [](const search_domain& d) {
        return nsga2(d, {.seed = 4, .population = 6, .offspring = 1});
    });
    visit("regularized_evolution", [](const search_domain& d) {
        return regularized_evolution(d, {.seed = 5, .population = 6, .tournament = 3});
    });
    visit("local_search", [](const search_domain& d) { return local_search(d, {.seed = 6}); });
    visit("surrogate_search",
          [](const search_domain& d) { return surrogate_search(d, {.seed = 7, .initial = 8}); });
    visit("islands", [](const search_domain& d) { return two_islands(d); });
    visit("hierarchical_search", [](const search_domain& d) {
        return hierarchical_search(d, {.seed = 10, .budgets = {10, 6}},
                                   [](search_domain part, std::uint64_t seed) {
                                       return nsga2(std::move(part), {.seed = seed, .population = 4});
                                   });
    });
}

}  // namespace lathe::toy
