// SPDX-License-Identifier: Apache-2.0
// What evaluators check of candidates and of each other. Not for users of the library.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "lathe/core/error.hpp"
#include "lathe/evaluator/concept.hpp"

namespace lathe::detail {

/// Throws bad_input for a candidate without a network.
[[nodiscard]] inline const network& network_of(const candidate& c) {
    if (c.net != nullptr) return *c.net;
    throw error(errc::bad_input, "candidate " + std::to_string(c.id), "it has no network",
                "set candidate::net");
}

/// Throws bad_input for an evaluator that `user` may not ask for a part of a batch.
template <Evaluator E>
void check_judges_alone(const E& evaluator, std::string user) {
    if (!judges_batches(evaluator)) return;
    throw error(errc::bad_input, std::move(user),
                "this evaluator judges the candidates of a batch by each other",
                "wrap the evaluators inside of it instead");
}

/// Throws bad_input, naming `place`, unless an evaluator gave one evaluation per candidate.
inline void check_count(std::size_t evaluations, std::size_t candidates,
                        std::string place = "evaluator") {
    if (evaluations == candidates) return;
    throw error(errc::bad_input, std::move(place),
                std::to_string(evaluations) + " evaluations for " + std::to_string(candidates) +
                    (candidates == 1 ? " candidate" : " candidates"),
                "evaluate() gives one evaluation per candidate");
}

}  // namespace lathe::detail
