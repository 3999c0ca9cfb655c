// SPDX-License-Identifier: Apache-2.0
// Latency as measured, each network once per deployment and machine.
#pragma once

#include <array>
#include <compare>
#include <concepts>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/core/measurement.hpp"
#include "lathe/cost_model/concept.hpp"

namespace lathe {

/// Times networks side by side: the result has one task per network, in their order.
template <class T>
concept LatencyTimer = requires(T& time, std::span<const network> nets, const deployment& d) {
    { time(nets, d) } -> std::same_as<measurement>;
};

/// P50, P90 and P99 by structure, deployment and machine. Networks of equal structure cost the same.
class latency_cache {
public:
    using quantiles = std::array<estimate, 3>;

    /// Nothing for a network that was not measured in this deployment on the latest machine.
    [[nodiscard]] const quantiles* find(hash64 structure, const deployment& d) const;
    /// Replaces what is known of these networks. Throws bad_input unless there is one task for each.
    void insert(std::span<const network> nets, const deployment& d, const measurement& m);

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct key {
        hash64 structure;
        deployment target;
        hash64 machine;
        friend auto operator<=>(const key&, const key&) = default;
    };
    std::map<key, quantiles> entries_;
    hash64 machine_ = 0;
};

using latency_metrics = metric_list<latency_p50, latency_p90, latency_p99>;

/// Measured P50, P90 and P99 with 95 % intervals. Not thread-safe.
template <LatencyTimer Timer>
class measured_latency {
public:
    using provided = latency_metrics;

    explicit measured_latency(Timer timer) : timer_(std::move(timer)) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    /// From the cache; what is not there is measured first, all of it in one interleaved run. Networks
    /// that the timer did not finish are estimated by what it has and measured again next time. When
    /// that run tells of another machine, what was known before is "not measured" until the next call.
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) {
        validate(d);
        latency_cache unfinished;
        if (const auto missing = not_cached(nets, d); !missing.empty()) {
            const measurement m = timer_(std::span<const network>(missing), d);
            (m.complete ? cache_ : unfinished).insert(missing, d, m);
        }
        cost_table table(metrics(), nets.size());
        for (std::size_t n = 0; n < nets.size(); ++n) {
            const auto* known = cache_.find(nets[n].structure_hash(), d);
            if (known == nullptr) known = unfinished.find(nets[n].structure_hash(), d);
            if (known == nullptr) continue;
            for (std::size_t m = 0; m < known->size(); ++m) table.column(m)[n] = (*known)[m];
        }
        return table;
    }

private:
    [[nodiscard]] std::vector<network> not_cached(std::span<const network> nets,
                                                  const deployment& d) const {
        std::vector<network> missing;
        std::set<hash64> seen;
        for (const network& net : nets) {
            const hash64 structure = net.structure_hash();
            if (cache_.find(structure, d) == nullptr && seen.insert(structure).second) {
                missing.push_back(net);
            }
        }
        return missing;
    }

    Timer timer_;
    latency_cache cache_;
};
static_assert(
    CostModel<measured_latency<measurement (*)(std::span<const network>, const deployment&)>>);

/// The same metrics, all networks of a call measured in one interleaved run whatever was measured
/// before. For study::choose(): a network that was proposed for its measurement must be judged by
/// another one, side by side with the reference. Not thread-safe.
template <LatencyTimer Timer>
class fresh_latency {
public:
    using provided = latency_metrics;

    explicit fresh_latency(Timer timer) : timer_(std::move(timer)) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) {
        measured_latency once([this](std::span<const network> missing, const deployment& target) {
            return timer_(missing, target);
        });
        return once.estimate(nets, d);
    }

private:
    Timer timer_;
};
static_assert(CostModel<fresh_latency<measurement (*)(std::span<const network>, const deployment&)>>);

}  // namespace lathe
