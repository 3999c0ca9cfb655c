// SPDX-License-Identifier: Apache-2.0
// What a cost model is: all that the author of one must read.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "lathe/core/deployment.hpp"
#include "lathe/core/estimate.hpp"
#include "lathe/core/metric.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// Estimates by column: one column per metric, one row per network.
class cost_table {
public:
    /// Every estimate is "not measured" until it is written.
    cost_table(std::vector<metric_id> metrics, std::size_t networks);

    [[nodiscard]] std::span<const metric_id> metrics() const noexcept { return metrics_; }
    [[nodiscard]] std::size_t networks() const noexcept { return networks_; }

    /// Throws bad_input naming the metric and those there are.
    [[nodiscard]] std::span<const estimate> column(const metric_id& metric) const;
    /// Precondition: metric < metrics().size().
    [[nodiscard]] std::span<estimate> column(std::size_t metric) noexcept;
    [[nodiscard]] std::span<const estimate> column(std::size_t metric) const noexcept;

private:
    std::vector<metric_id> metrics_;
    std::size_t networks_;
    std::vector<estimate> cells_;  // column by column
};

/// `metrics()` names quantities and statistics, never a scenario, and is not empty: latency in
/// nanoseconds with a statistic (mean, p50, p90, p99), memory in bytes, energy in joules, MACs and
/// parameters as numbers (core/metric.hpp). `estimate(nets, d)`
/// has one column for each of them, in that order, and one row for each network, for deployment `d`.
/// It says what it knows and no more: an estimate carries interval, confidence and provenance, and a
/// number that is not there has a status instead. An estimate does not depend on the other networks
/// of the call, except where it is measured. Not thread-safe unless a model says so.
/// Throws bad_input for a bad deployment. A type with `using provided = metric_list<...>` is also checked
/// when it is compiled. (Inside a model, whose member function hides the type of that name, write
/// `lathe::estimate`.)
template <class M>
concept CostModel = requires(M& m, std::span<const network> nets, const deployment& d) {
    { std::as_const(m).metrics() } -> std::same_as<std::vector<metric_id>>;
    { m.estimate(nets, d) } -> std::same_as<cost_table>;
};

/// What somebody measured. `net` is alive during the call only.
struct observation {
    const network* net = nullptr;
    deployment target;
    metric_id metric;
    estimate measured;
};

/// A cost model that learns. It ignores observations that it has no use for.
template <class M>
concept ObservingCostModel = CostModel<M> && requires(M& m, std::span<const observation> seen) {
    m.observe(seen);
};

}  // namespace lathe
