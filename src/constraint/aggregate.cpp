// SPDX-License-Identifier: Apache-2.0
#include "lathe/constraint/aggregate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"

namespace lathe {

violation combine(std::span<const violation> each) noexcept {
    double known = 0.0;
    bool all_decided = true;
    bool all_valued = true;
    bool refused = false;
    for (const auto& v : each) {
        all_decided = all_decided && v.decided;
        if (std::isfinite(v.amount)) {
            known += v.amount;
        } else {
            all_valued = false;
        }
        refused = refused || (v.decided && !v.feasible());
    }
    const bool comparable = all_valued || (refused && known > 0.0);
    return {comparable ? known : std::numeric_limits<double>::infinity(), refused || all_decided};
}

std::optional<tightest_constraint> find_tightest(std::span<const violation> violations,
                                                 std::size_t constraints) {
    if (constraints == 0 || violations.empty()) return std::nullopt;
    if (violations.size() % constraints != 0) {
        throw error(errc::bad_input, "find_tightest",
                    fmt::format("{} violations are not a whole number of rows of {}",
                                violations.size(), constraints),
                    "give one row per candidate");
    }
    const std::size_t candidates = violations.size() / constraints;
    tightest_constraint tightest;
    for (std::size_t c = 0; c < constraints; ++c) {
        tightest_constraint now{c, 0, candidates, std::numeric_limits<double>::infinity()};
        for (std::size_t row = 0; row < candidates; ++row) {
            const violation& v = violations[row * constraints + c];
            now.kept += v.feasible() ? 1U : 0U;
            if (v.amount < now.nearest) now.nearest = v.amount;
        }
        if (c == 0 || now.kept < tightest.kept ||
            (now.kept == tightest.kept && now.nearest > tightest.nearest)) {
            tightest = now;
        }
    }
    return tightest;
}

std::string describe(const tightest_constraint& t, std::string_view constraint_name) {
    std::string text =
        fmt::format("{}: kept by {} of {} candidates", constraint_name, t.kept, t.candidates);
    if (t.kept > 0) return text;
    if (!std::isfinite(t.nearest)) return text + ", none has a value for it";
    if (t.nearest == 0.0) return text + ", the nearest is undecided";
    return text + fmt::format(", the nearest misses it by {:.3g} %", 100.0 * t.nearest);
}

}  // namespace lathe
