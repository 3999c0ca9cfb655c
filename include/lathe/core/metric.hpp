// SPDX-License-Identifier: Apache-2.0
// What is measured: a quantity, a statistic of it, and the scenario it holds for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lathe {

/// Units: accuracy in [0, 1]; latency in ns; memory in bytes; energy in joules; the rest are counts.
enum class quantity : std::uint8_t {
    accuracy, loss, latency, peak_memory, arena_memory, weight_memory, macs, parameters, energy
};
enum class statistic : std::uint8_t { value, mean, p50, p90, p99 };
enum class direction : std::uint8_t { minimize, maximize };

/// Accuracy is maximised, everything else minimised.
[[nodiscard]] constexpr direction natural_direction(quantity q) noexcept {
    return q == quantity::accuracy ? direction::maximize : direction::minimize;
}

/// A latency is a distribution and needs a statistic, an energy may be one or the other; every
/// other quantity is one value.
[[nodiscard]] constexpr bool is_metric(quantity q, statistic s) noexcept {
    return q == quantity::energy || (q == quantity::latency) == (s != statistic::value);
}

/// A metric as a type: an objective that no component provides does not compile.
template <quantity Quantity, statistic Statistic = statistic::value>
    requires(is_metric(Quantity, Statistic))
struct metric {
    static constexpr quantity of = Quantity;
    static constexpr statistic by = Statistic;
};

using accuracy = metric<quantity::accuracy>;
using loss = metric<quantity::loss>;
using latency_p50 = metric<quantity::latency, statistic::p50>;
using latency_p90 = metric<quantity::latency, statistic::p90>;
using latency_p99 = metric<quantity::latency, statistic::p99>;
using peak_memory = metric<quantity::peak_memory>;
using arena_memory = metric<quantity::arena_memory>;
using weight_memory = metric<quantity::weight_memory>;
using macs = metric<quantity::macs>;
using parameters = metric<quantity::parameters>;
using energy = metric<quantity::energy>;

/// A metric as a value. `scenario` is empty where the deployment does not matter (parameters, MACs).
struct metric_id {
    quantity of{};
    statistic by{};
    std::string scenario;

    friend auto operator<=>(const metric_id&, const metric_id&) = default;
};

template <class Metric>
[[nodiscard]] metric_id id_of(std::string scenario = {}) {
    return {Metric::of, Metric::by, std::move(scenario)};
}

/// The metrics of a component that are known at compile time: `using provided = metric_list<...>`.
template <class... Metrics>
struct metric_list {
    template <class Metric>
    static constexpr bool contains = (std::is_same_v<Metric, Metrics> || ...);

    [[nodiscard]] static std::vector<metric_id> ids() { return {id_of<Metrics>()...}; }
};

/// False only where a component declares its metrics as a type and Metric is not among them.
template <class Component, class Metric>
concept MayProvide = !requires { typename Component::provided; } ||
                     Component::provided::template contains<Metric>;

/// "latency_p99@edge", "peak_memory@edge", "parameters".
[[nodiscard]] std::string to_string(const metric_id& id);
/// Inverse of to_string. Throws bad_input with the nearest known name.
[[nodiscard]] metric_id parse_metric(std::string_view text);
/// Does the quantity depend on the deployment?
[[nodiscard]] bool depends_on_deployment(quantity q) noexcept;

}  // namespace lathe
