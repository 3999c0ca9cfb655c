// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"
#include "peers/side.hpp"
#include "peers/zdt1.hpp"

namespace {

peers::nsga2_result run_nsga2(const peers::nsga2_task& task) {
    lathe::axis axis{"x", lathe::axis_kind::ordinal, {}};
    for (std::size_t i = 0; i < peers::zdt1::options; ++i) axis.options.push_back(std::to_string(i));
    lathe::search_domain domain;
    domain.axes.assign(peers::zdt1::axes, axis);
    lathe::nsga2 optimizer(std::move(domain), {.seed = task.seed,
                                               .population = task.population,
                                               .crossover = task.crossover,
                                               .mutations = task.mutations});
    const peers::zdt1 problem;
    // For the result alone, so its memory is not part of what is timed; by id, which counts from 0.
    std::vector<std::array<double, 2>> told(task.population * (task.generations + 1));
    std::vector<lathe::outcome> outcomes;  // used again, with its memory
    const auto generation = [&] {
        const auto asked = optimizer.ask(task.population);
        outcomes.resize(asked.size());
        for (std::size_t k = 0; k < asked.size(); ++k) {
            const auto& genes = asked[k].genes.genes;
            const auto f = problem.evaluate([&](std::size_t i) { return genes[i]; });
            told[asked[k].id] = f;
            outcomes[k].id = asked[k].id;
            outcomes[k].objectives.assign(f.begin(), f.end());
        }
        optimizer.tell(outcomes);
    };
    generation();
    const double start = peers::now();
    for (std::size_t g = 0; g < task.generations; ++g) generation();
    peers::nsga2_result result{(peers::now() - start) / static_cast<double>(task.generations), {}};
    for (const auto id : optimizer.parents()) result.points.push_back(told[id]);
    return result;
}

double sort(const peers::cloud& c, std::vector<std::uint32_t>& ranks) {
    std::vector<double> columns(c.rows.size());
    for (std::size_t i = 0; i < c.points; ++i) {
        for (std::size_t m = 0; m < c.objectives; ++m) {
            columns[m * c.points + i] = c.rows[i * c.objectives + m];
        }
    }
    lathe::non_dominated_sorter sorter;
    return peers::seconds_of([&] { sorter.rank({columns, c.points, c.objectives}, ranks); });
}

}  // namespace

int main(int argc, char** argv) { return peers::main(argc, argv, run_nsga2, sort); }
