// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/rank_correlation.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

void check(std::span<const double> x, std::span<const double> y) {
    if (x.size() != y.size()) {
        throw error(errc::bad_input, "rank correlation",
                    std::to_string(x.size()) + " values on one side and " +
                        std::to_string(y.size()) + " on the other",
                    "give pairs");
    }
    const auto finite = [](double v) { return std::isfinite(v); };
    if (!std::ranges::all_of(x, finite) || !std::ranges::all_of(y, finite)) {
        throw error(errc::numeric, "rank correlation", "a value is not a finite number",
                    "leave its pair out");
    }
}

/// Pairs within runs of equal elements of a sorted range.
template <class Equal>
std::uint64_t tied_pairs(std::size_t n, Equal equal_to_previous) {
    std::uint64_t pairs = 0;
    std::uint64_t run = 0;
    for (std::size_t i = 1; i < n; ++i) {
        run = equal_to_previous(i) ? run + 1 : 0;
        pairs += run;
    }
    return pairs;
}

/// Sorts and counts the pairs that stood in the wrong order; equal values are in order.
std::uint64_t sort_counting_exchanges(std::span<double> values, std::span<double> spare) {
    const std::size_t n = values.size();
    if (n < 2) return 0;
    const std::size_t half = n / 2;
    std::uint64_t exchanges =
        sort_counting_exchanges(values.first(half), spare.first(half)) +
        sort_counting_exchanges(values.subspan(half), spare.subspan(half));
    std::size_t a = 0;
    std::size_t b = half;
    for (std::size_t to = 0; to < n; ++to) {
        if (a < half && (b == n || values[a] <= values[b])) {
            spare[to] = values[a++];
        } else {
            spare[to] = values[b++];
            exchanges += half - a;
        }
    }
    std::ranges::copy(spare.first(n), values.begin());
    return exchanges;
}

/// From 0; equal values share their mean rank.
std::vector<double> mean_ranks(std::span<const double> values) {
    const std::size_t n = values.size();
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
    std::vector<double> ranks(n);
    for (std::size_t from = 0, to = 0; from < n; from = to) {
        while (to < n && values[order[to]] == values[order[from]]) ++to;
        const double mean = 0.5 * static_cast<double>(from + to - 1);
        for (std::size_t i = from; i < to; ++i) ranks[order[i]] = mean;
    }
    return ranks;
}

}  // namespace

std::optional<double> kendall_tau_b(std::span<const double> x, std::span<const double> y) {
    check(x, y);
    const std::size_t n = x.size();
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t i, std::size_t j) {
        return x[i] < x[j] || (x[i] == x[j] && y[i] < y[j]);
    });
    const auto same_x = [&](std::size_t i) { return x[order[i]] == x[order[i - 1]]; };
    const auto same_both = [&](std::size_t i) {
        return same_x(i) && y[order[i]] == y[order[i - 1]];
    };
    std::vector<double> by_x(n);
    for (std::size_t i = 0; i < n; ++i) by_x[i] = y[order[i]];
    std::vector<double> spare(n);
    const std::uint64_t tied_x = tied_pairs(n, same_x);
    const std::uint64_t tied_both = tied_pairs(n, same_both);
    const std::uint64_t discordant = sort_counting_exchanges(by_x, spare);
    const std::uint64_t tied_y =
        tied_pairs(n, [&](std::size_t i) { return by_x[i] == by_x[i - 1]; });

    const std::uint64_t pairs = n < 2 ? 0 : std::uint64_t{n} * (n - 1) / 2;
    if (pairs == tied_x || pairs == tied_y) return std::nullopt;
    const std::uint64_t untied = pairs - tied_x - tied_y + tied_both;
    const double surplus = static_cast<double>(untied) - 2.0 * static_cast<double>(discordant);
    return surplus / std::sqrt(static_cast<double>(pairs - tied_x) *
                               static_cast<double>(pairs - tied_y));
}

std::optional<double> spearman_rho(std::span<const double> x, std::span<const double> y) {
    check(x, y);
    const std::vector<double> rx = mean_ranks(x);
    const std::vector<double> ry = mean_ranks(y);
    const double mean = 0.5 * (static_cast<double>(x.size()) - 1.0);
    double xx = 0.0;
    double yy = 0.0;
    double xy = 0.0;
    for (std::size_t i = 0; i < rx.size(); ++i) {
        xx += (rx[i] - mean) * (rx[i] - mean);
        yy += (ry[i] - mean) * (ry[i] - mean);
        xy += (rx[i] - mean) * (ry[i] - mean);
    }
    if (xx == 0.0 || yy == 0.0) return std::nullopt;
    return xy / std::sqrt(xx * yy);
}

}  // namespace lathe
