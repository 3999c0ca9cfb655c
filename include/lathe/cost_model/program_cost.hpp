// SPDX-License-Identifier: Apache-2.0
// Memory as the compiled program needs it.
#pragma once

#include <concepts>
#include <span>
#include <utility>
#include <vector>

#include "lathe/cost_model/concept.hpp"
#include "lathe/network/program.hpp"

namespace lathe {

using memory_metrics = metric_list<weight_memory, arena_memory, peak_memory>;

/// Bytes of packed weights, of one stream's arena, and of weights and all arenas, in the order of
/// memory_metrics. Exact for an exact program, otherwise lower bounds.
[[nodiscard]] std::vector<estimate> memory_of(const program& p);

/// At least `value`: low equals it and high is the largest double, so that a limit below it is
/// violated for certain and a limit above it stays undecided.
[[nodiscard]] estimate lower_bound_estimate(double value) noexcept;

template <class C>
concept Compiler = requires(C& compile, const network& net, const deployment& d) {
    { compile(net, d) } -> std::same_as<program>;
};

/// Memory from the engine's compile (exact) or from compile_lower_bound. Passes on what it throws.
template <Compiler Compile>
class program_cost {
public:
    using provided = memory_metrics;

    explicit program_cost(Compile compile) : compile_(std::move(compile)) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) {
        validate(d);
        cost_table table(metrics(), nets.size());
        for (std::size_t n = 0; n < nets.size(); ++n) {
            const auto bytes = memory_of(compile_(nets[n], d));
            for (std::size_t m = 0; m < bytes.size(); ++m) table.column(m)[n] = bytes[m];
        }
        return table;
    }

private:
    Compile compile_;
};
static_assert(CostModel<program_cost<program (*)(const network&, const deployment&)>>);

}  // namespace lathe
