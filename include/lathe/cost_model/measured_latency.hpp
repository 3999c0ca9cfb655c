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

/// Measured P50, P90 and P99 with 95 % intervals. Not thread-safe.
template <LatencyTimer Timer>
class measured_latency {
public:
    using provided =
        metric_list<metric<quantity::latency, statistic::p50>, metric<quantity::latency, statistic::p90>,
                    metric<quantity::latency, statistic::p99>>;

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

    /// Measures all of them afresh in one interleaved run, and remembers the result if it is complete.
    /// For decisions that must not rest on the measurement that proposed the networks.
    measurement measure(std::span<const network> nets, const deployment& d) {
        validate(d);
        measurement m = timer_(nets, d);
        if (m.complete) cache_.insert(nets, d, m);
        return m;
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

}  // namespace lathe
