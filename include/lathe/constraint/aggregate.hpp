// SPDX-License-Identifier: Apache-2.0
// Several constraints together, and which of them is in the way.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lathe/constraint/concept.hpp"

namespace lathe {

/// All constraints must be kept. The amount is the sum; one decided violation decides the whole, and
/// then constraints without a value add nothing (a candidate refused by an exact limit need not be
/// measured to be compared with others). No constraint at all is feasible.
[[nodiscard]] violation combine(std::span<const violation> each) noexcept;

/// The constraint that a set of candidates keeps least often; ties go to the one whose nearest
/// candidate is farthest from it, then to the first.
struct tightest_constraint {
    std::size_t index = 0;       ///< which constraint
    std::size_t kept = 0;        ///< candidates that keep it
    std::size_t candidates = 0;  ///< candidates looked at
    double nearest = 0.0;        ///< smallest violation of any candidate; +infinity without a value
};

/// `violations` is row-major, candidates x constraints. Nothing without a candidate or a constraint.
/// Throws bad_input if the length is no multiple of `constraints`.
[[nodiscard]] std::optional<tightest_constraint> find_tightest(
    std::span<const violation> violations, std::size_t constraints);

/// "latency_p99@edge <= 400 us: kept by 0 of 500 candidates, the nearest misses it by 12 %".
[[nodiscard]] std::string describe(const tightest_constraint& t, std::string_view constraint_name);

}  // namespace lathe
