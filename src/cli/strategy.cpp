// SPDX-License-Identifier: Apache-2.0
#include "cli/strategy.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lathe/core/hash.hpp"

namespace lathe::cli {
namespace {

nsga2 make_nsga2(const search_plan& plan, search_domain domain, std::uint64_t seed) {
    nsga2_options options;
    options.seed = seed;
    if (plan.population > 0) options.population = static_cast<std::size_t>(plan.population);
    return nsga2(std::move(domain), options);
}

regularized_evolution make_evolution(const search_plan& plan, search_domain domain,
                                     std::uint64_t seed) {
    regularized_evolution_options options;
    options.seed = seed;
    if (plan.population > 0) {
        options.population = static_cast<std::size_t>(plan.population);
        options.tournament = std::min(options.tournament, options.population);
    }
    return regularized_evolution(std::move(domain), options);
}

/// Each island has a seed of its own; the first one that of the plan.
template <class Make>
auto make_islands(const search_plan& plan, const search_domain& domain, Make make) {
    using kind = decltype(make(plan, domain, std::uint64_t{}));
    std::vector<std::variant<kind>> all;
    for (std::int64_t i = 0; i < plan.islands; ++i) {
        const std::uint64_t own =
            hasher().add("island").add(plan.seed).add(static_cast<std::uint64_t>(i)).value();
        all.emplace_back(make(plan, domain, i == 0 ? plan.seed : own));
    }
    return islands(std::move(all));
}

hierarchical_search<nsga2> make_levels(const search_plan& plan, search_domain domain) {
    hierarchical_search_options options;
    options.seed = plan.seed;
    options.keep = plan.keep;
    const std::int64_t each = std::max<std::int64_t>(1, plan.evaluations / plan.levels);
    options.budgets.assign(static_cast<std::size_t>(plan.levels - 1),
                           static_cast<std::size_t>(each));
    const std::size_t population = plan.population > 0 ? static_cast<std::size_t>(plan.population)
                                                       : hierarchical_search<nsga2>::population;
    return {std::move(domain), std::move(options),
            [population](search_domain part, std::uint64_t seed) {
                return nsga2(std::move(part), {.seed = seed, .population = population});
            }};
}

}  // namespace

strategy::strategy(const search_plan& plan, search_domain domain)
    : made_(make(plan, std::move(domain))) {}

any_optimizer strategy::any() {
    return std::visit([](auto& optimizer) { return any_optimizer(optimizer); }, made_);
}

strategy::variant strategy::make(const search_plan& plan, search_domain domain) {
    switch (plan.optimizer) {
        case optimizer_kind::random:
            return random_search(std::move(domain), {.seed = plan.seed});
        case optimizer_kind::nsga2:
            if (plan.islands > 1) return make_islands(plan, domain, make_nsga2);
            return make_nsga2(plan, std::move(domain), plan.seed);
        case optimizer_kind::regularized_evolution:
            if (plan.islands > 1) return make_islands(plan, domain, make_evolution);
            return make_evolution(plan, std::move(domain), plan.seed);
        case optimizer_kind::local_search: {
            local_search_options options;
            options.seed = plan.seed;
            if (plan.starts > 0) options.starts = static_cast<std::size_t>(plan.starts);
            return local_search(std::move(domain), options);
        }
        case optimizer_kind::surrogate_search:
            return surrogate_search(
                std::move(domain),
                {.seed = plan.seed, .initial = static_cast<std::size_t>(plan.initial)});
        case optimizer_kind::hierarchical:
            break;
    }
    return make_levels(plan, std::move(domain));
}

}  // namespace lathe::cli
