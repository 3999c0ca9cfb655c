// SPDX-License-Identifier: Apache-2.0
// Non-dominated sorting of random points; arguments: points, objectives.
#include <benchmark/benchmark.h>

#include "lathe/core/rng.hpp"
#include "lathe/pareto/hypervolume.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"

namespace {

std::vector<double> random_points(std::size_t points, std::size_t objectives) {
    lathe::rng random(1);
    std::vector<double> data(points * objectives);
    for (double& x : data) x = random.real();
    return data;
}

template <lathe::sort_method method>
void sort(benchmark::State& state) {
    const auto points = static_cast<std::size_t>(state.range(0));
    const auto objectives = static_cast<std::size_t>(state.range(1));
    const auto data = random_points(points, objectives);
    std::vector<std::uint32_t> ranks(points);
    lathe::non_dominated_sorter sorter(method);
    for (auto _ : state) {
        benchmark::DoNotOptimize(sorter.rank({data, points, objectives}, ranks));
    }
}

void hypervolume(benchmark::State& state) {
    const auto points = static_cast<std::size_t>(state.range(0));
    const auto objectives = static_cast<std::size_t>(state.range(1));
    const auto data = random_points(points, objectives);
    const std::vector<double> reference(objectives, 1.0);
    for (auto _ : state) {
        benchmark::DoNotOptimize(lathe::hypervolume({data, points, objectives}, reference));
    }
}

}  // namespace

BENCHMARK(sort<lathe::sort_method::automatic>)->Name("sort")
    ->ArgsProduct({{200, 1000, 4000}, {2, 3, 4}})->ArgNames({"points", "objectives"});
BENCHMARK(sort<lathe::sort_method::reference>)->Name("sort_reference")
    ->ArgsProduct({{200, 1000}, {2, 3, 4}})->ArgNames({"points", "objectives"});
BENCHMARK(hypervolume)->ArgsProduct({{200, 1000}, {2, 3, 4}})->ArgNames({"points", "objectives"});
