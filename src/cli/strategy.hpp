// SPDX-License-Identifier: Apache-2.0
// The optimizers that a specification names.
#pragma once

#include <variant>

#include "cli/spec.hpp"
#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/islands.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "lathe/search/any.hpp"

namespace lathe::cli {

class strategy {
public:
    /// Throws what the optimizer throws for the domain, which must be usable as long as this object.
    strategy(const search_plan& plan, search_domain domain);
    strategy(const strategy&) = delete;
    strategy& operator=(const strategy&) = delete;

    /// Refers to this object.
    [[nodiscard]] any_optimizer any();

private:
    using variant = std::variant<random_search, nsga2, regularized_evolution, local_search,
                                 surrogate_search, hierarchical_search<nsga2>, islands<nsga2>,
                                 islands<regularized_evolution>>;
    static variant make(const search_plan& plan, search_domain domain);

    variant made_;
};

}  // namespace lathe::cli
