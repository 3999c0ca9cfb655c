// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/network/memory_planner.hpp"

namespace {

using namespace lathe;

/// One buffer begins at each step and lives for up to `life` further ones.
std::vector<planned_buffer> chain(std::int64_t count, std::int64_t life) {
    rng random(1);
    std::vector<planned_buffer> buffers;
    for (std::int32_t t = 0; t < count; ++t) {
        const auto last =
            t + static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(life) + 1));
        buffers.push_back({64 * (1 + std::int64_t{random.below(1000)}), t, last});
    }
    return buffers;
}

/// Short lives: greedy orders reach the bound. Long ones: the search goes to its limit.
void plan(benchmark::State& state) {
    const auto buffers = chain(state.range(0), state.range(1));
    for (auto _ : state) benchmark::DoNotOptimize(plan_memory(buffers));
}
BENCHMARK(plan)->ArgNames({"buffers", "life"})->ArgsProduct({{20, 80, 320}, {3, 40}});

void search_node(benchmark::State& state) {
    const auto buffers = chain(state.range(0), 40);
    std::int64_t nodes = 0;
    for (auto _ : state) nodes += minimise_memory(buffers, 64, {.nodes = 2'000}).nodes;
    state.counters["nodes/s"] =
        benchmark::Counter(static_cast<double>(nodes), benchmark::Counter::kIsRate);
}
BENCHMARK(search_node)->ArgName("buffers")->Arg(80)->Arg(320);

}  // namespace
