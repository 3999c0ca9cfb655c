// SPDX-License-Identifier: Apache-2.0
// NSGA-II on problems of the literature, against the floors of jMetal's integration tests: population
// 100, 25,000 evaluations (Tanaka 50,000), hypervolume with the true front scaled to the unit square.
// Variables are coded on grids, so the floors hold for the grid, too.
#include <catch2/catch.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "lathe/optimizer/nsga2.hpp"
#include "lathe/pareto/hypervolume.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

struct problem {
    search_domain domain;
    std::function<outcome(const proposal&)> evaluate;
    std::array<double, 2> ideal, nadir;  ///< of the true front
};

/// Zitzler, Deb, Thiele 2000; 30 variables.
problem zdt1() {
    constexpr std::size_t variables = 30, options = 256;
    return {grid(std::vector<std::size_t>(variables, options)),
            [](const proposal& p) {
                const auto x = [&](std::size_t i) { return p.genes.genes[i] / (options - 1.0); };
                double sum = 0.0;
                for (std::size_t i = 1; i < variables; ++i) sum += x(i);
                const double g = 1.0 + 9.0 * sum / (variables - 1);
                return outcome{p.id, outcome_status::ok, {x(0), g * (1.0 - std::sqrt(x(0) / g))}, 0.0};
            },
            {0.0, 0.0},
            {1.0, 1.0}};
}

outcome constrained(const proposal& p, double f1, double f2, std::initializer_list<double> at_least_0) {
    double violation = 0.0;
    for (const double g : at_least_0) violation += std::max(0.0, -g);
    return {p.id, outcome_status::ok, {f1, f2}, violation};
}

/// Deb 2001: part of the front lies on a constraint.
problem constr_ex() {
    constexpr std::size_t options = 4096;
    return {grid({options, options}),
            [](const proposal& p) {
                const double x = 0.1 + 0.9 * p.genes.genes[0] / (options - 1.0);
                const double y = 5.0 * p.genes.genes[1] / (options - 1.0);
                return constrained(p, x, (1.0 + y) / x, {y + 9.0 * x - 6.0, -y + 9.0 * x - 1.0});
            },
            {7.0 / 18.0, 1.0},
            {1.0, 9.0}};
}

/// Tanaka 1995: the front is the border of the feasible region, in three pieces.
problem tanaka() {
    constexpr std::size_t options = 4096;
    return {grid({options, options}),
            [](const proposal& p) {
                const auto value = [&](std::size_t i) {
                    return 1e-5 + (std::numbers::pi - 1e-5) * p.genes.genes[i] / (options - 1.0);
                };
                const double x = value(0), y = value(1);
                return constrained(p, x, y,
                                   {x * x + y * y - 1.0 - 0.1 * std::cos(16.0 * std::atan(x / y)),
                                    0.5 - (x - 0.5) * (x - 0.5) - (y - 0.5) * (y - 0.5)});
            },
            {0.0416, 0.0416},
            {1.0384, 1.0384}};
}

double volume_after(const problem& p, std::size_t evaluations, std::uint64_t seed) {
    constexpr std::size_t population = 100;
    nsga2 search(p.domain, {.seed = seed, .population = population});
    std::vector<double> first, second;
    for (std::size_t done = 0; done < evaluations; done += population) {
        std::vector<outcome> told;
        for (const auto& asked : search.ask(population)) told.push_back(p.evaluate(asked));
        search.tell(told);
        for (const auto& o : told) {
            if (o.violation > 0.0) continue;
            first.push_back((o.objectives[0] - p.ideal[0]) / (p.nadir[0] - p.ideal[0]));
            second.push_back((o.objectives[1] - p.ideal[1]) / (p.nadir[1] - p.ideal[1]));
        }
    }
    std::vector<double> columns = first;
    columns.insert(columns.end(), second.begin(), second.end());
    return hypervolume({columns, first.size(), 2}, std::vector<double>{1.0, 1.0});
}

}  // namespace

TEST_CASE("NSGA-II passes jMetal's floors") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        INFO("seed " << seed);
        CHECK(volume_after(zdt1(), 25'000, seed) > 0.62);
        CHECK(volume_after(constr_ex(), 25'000, seed) > 0.77);
        CHECK(volume_after(tanaka(), 50'000, seed) > 0.22);
    }
}
