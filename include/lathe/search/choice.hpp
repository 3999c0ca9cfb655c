// SPDX-License-Identifier: Apache-2.0
// From a finished search to one network per scenario.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/search/ledger.hpp"

namespace lathe {

/// One limit and how a network stands to it.
struct limit_result {
    limit bound;
    estimate value;
    violation broken;
    /// Distance of the interval's worse end from the limit over the limit: 0.1 is a tenth to spare,
    /// negative is too much. NaN without a value.
    double margin = 0.0;
};

struct choice_attempt {
    std::uint64_t trial = 0;
    lathe::verdict verdict = verdict::infeasible;
    std::vector<limit_result> limits;
};

struct scenario_choice {
    std::string scenario;
    /// feasible: `member` is chosen. undecided: members keep the limits by their values, but none
    /// that was measured again was shown to. infeasible: no member keeps them.
    lathe::verdict verdict = verdict::infeasible;
    /// The chosen member, else the nearest one; none if nothing was evaluated. Its metrics are the
    /// fresh ones where there are any.
    std::optional<trial> member;
    std::vector<limit_result> limits;        ///< of `member`
    std::vector<metric_estimate> reference;  ///< of the reference member, measured beside `member`
    std::vector<choice_attempt> attempts;    ///< what was measured again, in order
    std::string explanation;                 ///< one sentence for people

    [[nodiscard]] bool chosen() const noexcept { return verdict == lathe::verdict::feasible; }
};

/// Measures members of one scenario anew, side by side; one list of metrics each.
using fresh_measurement = std::function<std::vector<std::vector<metric_estimate>>(
    std::span<const genotype>, const scenario&)>;

struct choice_settings {
    std::size_t attempts = 12;  ///< members measured again, at most, for one scenario; from 1
};

/// Goes through the members whose values keep the scenario's limits, best first objective first
/// (then the other objectives, then the earlier trial), measures each again together with the
/// reference member (if there is one) and takes the first whose intervals keep every limit;
/// relative limits refer to the reference as measured beside it. After a failed attempt, members
/// recorded as no better in the metric that failed are passed over, unless only noise was in the
/// way. Without `fresh` the recorded metrics decide. Throws bad_input for 0 attempts.
[[nodiscard]] scenario_choice choose(const study_ledger& ledger, std::size_t scenario,
                                     const fresh_measurement& fresh,
                                     const choice_settings& settings = {});

}  // namespace lathe
