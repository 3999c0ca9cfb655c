// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/conformal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// ceil((n + 1) * confidence); the margin keeps 10 * 0.9 from becoming 10.
std::size_t rank_of(std::size_t n, double confidence) {
    if (!(confidence > 0.0 && confidence < 1.0)) {
        throw error(errc::bad_input, "conformal", fmt::format("confidence is {}", confidence),
                    "give a number between 0 and 1");
    }
    constexpr double margin = 1e-9;
    return static_cast<std::size_t>(
        std::ceil(static_cast<double>(n + 1) * confidence - margin));
}

}  // namespace

std::optional<double> conformal_radius(std::span<const double> scores, double confidence) {
    const std::size_t rank = std::max<std::size_t>(rank_of(scores.size(), confidence), 1);
    for (const double s : scores) {
        if (!(s >= 0.0 && std::isfinite(s))) {
            throw error(errc::numeric, "conformal", fmt::format("a score is {}", s),
                        "scores are finite and not negative");
        }
    }
    if (rank > scores.size()) return std::nullopt;
    std::vector<double> items(scores.begin(), scores.end());
    const auto position = items.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(items.begin(), position, items.end());
    return *position;
}

std::size_t scores_needed(double confidence) {
    std::size_t n = 1;
    while (rank_of(n, confidence) > n) ++n;
    return n;
}

}  // namespace lathe
