// SPDX-License-Identifier: Apache-2.0
// What an optimizer costs for each evaluation: ask and tell alone, in batches of 1000, over 100 batches.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "peers/zdt1.hpp"

namespace {

constexpr std::size_t batch = 1000;
constexpr std::size_t batches = 100;

lathe::search_domain domain() {
    lathe::axis axis{"x", lathe::axis_kind::ordinal, {}};
    for (std::size_t i = 0; i < peers::zdt1::options; ++i) axis.options.push_back(std::to_string(i));
    lathe::search_domain all;
    all.axes.assign(peers::zdt1::axes, axis);
    return all;
}

template <class O, class Options>
void ask_tell(benchmark::State& state) {
    const peers::zdt1 problem;
    for (auto _ : state) {
        Options options;
        if constexpr (requires { options.population; }) options.population = batch;
        O optimizer(domain(), options);
        std::chrono::duration<double> spent{};
        std::vector<lathe::outcome> outcomes(batch);
        for (std::size_t b = 0; b < batches; ++b) {
            const auto start = std::chrono::steady_clock::now();
            const auto asked = optimizer.ask(batch);
            spent += std::chrono::steady_clock::now() - start;
            for (std::size_t i = 0; i < batch; ++i) {
                const auto& genes = asked[i].genes.genes;
                const auto f = problem.evaluate([&](std::size_t k) { return genes[k]; });
                outcomes[i] = {asked[i].id, lathe::outcome_status::ok, {f[0], f[1]}, 0.0};
            }
            const auto told = std::chrono::steady_clock::now();
            optimizer.tell(outcomes);
            spent += std::chrono::steady_clock::now() - told;
        }
        state.SetIterationTime(spent.count() / static_cast<double>(batch * batches));
    }
}

}  // namespace

BENCHMARK(ask_tell<lathe::nsga2, lathe::nsga2_options>)->Name("ask_tell/nsga2")->UseManualTime()
    ->Iterations(1);
BENCHMARK(ask_tell<lathe::random_search, lathe::random_search_options>)
    ->Name("ask_tell/random_search")->UseManualTime()->Iterations(1);
BENCHMARK(ask_tell<lathe::regularized_evolution, lathe::regularized_evolution_options>)
    ->Name("ask_tell/regularized_evolution")->UseManualTime()->Iterations(1);
