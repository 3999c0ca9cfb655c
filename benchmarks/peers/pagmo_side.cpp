// SPDX-License-Identifier: Apache-2.0
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>
#include <pagmo/utils/multi_objective.hpp>

#include "peers/side.hpp"
#include "peers/zdt1.hpp"

namespace {

struct integer_zdt1 {
    pagmo::vector_double fitness(const pagmo::vector_double& x) const {
        const auto f = table.evaluate([&](std::size_t i) { return static_cast<std::size_t>(x[i]); });
        return {f[0], f[1]};
    }
    std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
        return {pagmo::vector_double(peers::zdt1::axes, 0.0),
                pagmo::vector_double(peers::zdt1::axes, peers::zdt1::options - 1.0)};
    }
    pagmo::vector_double::size_type get_nix() const { return peers::zdt1::axes; }
    pagmo::vector_double::size_type get_nobj() const { return 2; }
    template <class Archive>
    void serialize(Archive&, unsigned) {}

    peers::zdt1 table;
};

peers::nsga2_result run_nsga2(const peers::nsga2_task& task) {
    const auto seed = static_cast<unsigned>(task.seed);
    pagmo::population population(pagmo::problem(integer_zdt1{}), task.population, seed);
    const pagmo::nsga2 method(static_cast<unsigned>(task.generations), task.crossover, 10.0,
                              task.mutations / static_cast<double>(peers::zdt1::axes), 50.0, seed);
    const double start = peers::now();
    population = method.evolve(population);
    peers::nsga2_result result{(peers::now() - start) / static_cast<double>(task.generations), {}};
    for (const auto& f : population.get_f()) result.points.push_back({f[0], f[1]});
    return result;
}

double sort(const peers::cloud& c, std::vector<std::uint32_t>& ranks) {
    std::vector<pagmo::vector_double> points;
    for (std::size_t i = 0; i < c.points; ++i) {
        const double* row = c.rows.data() + i * c.objectives;
        points.emplace_back(row, row + c.objectives);
    }
    const double seconds = peers::seconds_of([&] { (void)pagmo::fast_non_dominated_sorting(points); });
    const auto found = std::get<3>(pagmo::fast_non_dominated_sorting(points));
    std::transform(found.begin(), found.end(), ranks.begin(),
                   [](auto rank) { return static_cast<std::uint32_t>(rank); });
    return seconds;
}

}  // namespace

PAGMO_S11N_PROBLEM_EXPORT(integer_zdt1)

int main(int argc, char** argv) { return peers::main(argc, argv, run_nsga2, sort); }
