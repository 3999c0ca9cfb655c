// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/nsga2.hpp"

#include <catch2/catch.hpp>
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

/// ZDT1 (Zitzler, Deb, Thiele 2000) on 5 axes of 64 values.
outcome zdt1(const proposal& p) {
    const auto x = [&](std::size_t i) { return p.genes.genes[i] / 63.0; };
    double sum = 0.0;
    for (std::size_t i = 1; i < p.genes.genes.size(); ++i) sum += x(i);
    const double g = 1.0 + 9.0 * sum / static_cast<double>(p.genes.genes.size() - 1);
    return {p.id, outcome_status::ok, {x(0), g * (1.0 - std::sqrt(x(0) / g))}, 0.0};
}

double area(std::vector<outcome> points, double ref) {
    std::sort(points.begin(), points.end(),
              [](const auto& a, const auto& b) { return a.objectives < b.objectives; });
    double volume = 0.0;
    double top = ref;
    for (const auto& p : points) {
        if (p.objectives[1] >= top) continue;
        volume += (ref - p.objectives[0]) * (top - p.objectives[1]);
        top = p.objectives[1];
    }
    return volume;
}

template <class Evaluate>
std::vector<outcome> run(nsga2& search, std::size_t batch, int steps, Evaluate evaluate) {
    std::vector<outcome> all;
    for (int step = 0; step < steps; ++step) {
        std::vector<outcome> told;
        for (const auto& p : search.ask(batch)) told.push_back(evaluate(p));
        search.tell(told);
        all.insert(all.end(), told.begin(), told.end());
    }
    return all;
}

}  // namespace

TEST_CASE("ZDT1 with 16 individuals and 100 generations passes DEAP's threshold") {
    for (const std::size_t offspring : {0, 1}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            nsga2 search(grid({64, 64, 64, 64, 64}),
                         {.seed = seed, .population = 16, .offspring = offspring});
            run(search, 16, 99, zdt1);
            const auto last = run(search, 16, 1, zdt1);
            std::set<std::uint64_t> parents;
            for (const auto id : search.parents()) parents.insert(id);
            CHECK(parents.size() == 16);
        }
        nsga2 search(grid({64, 64, 64, 64, 64}), {.population = 16, .offspring = offspring});
        const auto all = run(search, 16, 100, zdt1);
        const auto alive = search.parents();
        std::vector<outcome> front;
        for (const auto& o : all) {
            if (std::count(alive.begin(), alive.end(), o.id) > 0) front.push_back(o);
        }
        CHECK(area(front, 11.0) > 116.0);
        CHECK(area(front, 11.0) <= 120.6667);
    }
}

TEST_CASE("no candidate is ever repeated, and a small space is searched to its end") {
    nsga2 search(grid({5, 5, 5}, axis_kind::categorical), {.population = 10});
    std::set<std::vector<std::uint16_t>> seen;
    for (int step = 0; step < 30; ++step) {
        std::vector<outcome> told;
        for (const auto& p : search.ask(10)) {
            CHECK(seen.insert(p.genes.genes).second);
            told.push_back(zdt1(p));
        }
        search.tell(told);
    }
    CHECK(seen.size() == 125);
    CHECK(search.counts().exhausted);
    CHECK(search.counts().duplicates > 0);
}

TEST_CASE("feasible survives before infeasible, and among those the least violating") {
    const auto sum = [](const proposal& p) {
        double s = 0.0;
        for (const auto g : p.genes.genes) s += g;
        return s;
    };
    SECTION("a feasible region is found and kept") {
        const auto evaluate = [&](const proposal& p) {  // only 7 of 46656 members are feasible
            return outcome{p.id, outcome_status::ok, {sum(p)}, std::max(0.0, 29.0 - sum(p)) / 29.0};
        };
        nsga2 search(grid({6, 6, 6, 6, 6, 6}), {.population = 20});
        const auto all = run(search, 20, 40, evaluate);
        const auto feasible = std::count_if(all.begin(), all.end(),
                                            [](const outcome& o) { return o.violation == 0.0; });
        CHECK(feasible == 7);
        for (const auto& o : all) {
            const auto alive = search.parents();
            if (o.violation == 0.0) CHECK(std::count(alive.begin(), alive.end(), o.id) == 1);
        }
    }
    SECTION("all infeasible and never measured: the violation alone leads") {
        const auto evaluate = [&](const proposal& p) {
            return outcome{p.id, outcome_status::ok, {}, 1.0 + sum(p)};
        };
        nsga2 search(grid({8, 8, 8, 8, 8, 8}), {.population = 20});
        const auto all = run(search, 20, 30, evaluate);
        double least = 1e9;
        for (const auto& o : all) least = std::min(least, o.violation);
        CHECK(least == 1.0);
    }
}

TEST_CASE("failed candidates never become parents") {
    nsga2 search(grid({9, 9, 9}), {.population = 8});
    std::set<std::uint64_t> failed;
    run(search, 8, 20, [&](const proposal& p) {
        outcome o = zdt1(p);
        if (p.id % 3 == 0) {
            o.status = outcome_status::failed;
            o.objectives = {-100.0, -100.0};
            failed.insert(p.id);
        }
        return o;
    });
    REQUIRE(search.parents().size() == 8);
    for (const auto id : search.parents()) CHECK(failed.count(id) == 0);
    CHECK(search.counts().failed == failed.size());
}

TEST_CASE("wrong options and outcomes are refused by name") {
    const auto space = grid({4, 4});
    CHECK_THROWS_WITH(nsga2(space, {.population = 1}), Catch::Contains("nsga2.population"));
    CHECK_THROWS_WITH(nsga2(space, {.crossover = 1.5}), Catch::Contains("nsga2.crossover"));
    CHECK_THROWS_WITH(nsga2(space, {.mutations = std::nan("")}), Catch::Contains("nsga2.mutations"));
    nsga2 search(space);
    const auto asked = search.ask(3);
    search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {1.0, 2.0}, 0.0}});
    using list = std::vector<outcome>;
    CHECK_THROWS_WITH(search.tell(list{{asked[1].id, outcome_status::ok, {1.0}, 0.0}}),
                      Catch::Contains("has 1 objectives, others have 2"));
    CHECK_THROWS_WITH(search.tell(list{{asked[1].id, outcome_status::ok, {1.0, 2.0}, -1.0}}),
                      Catch::Contains("violation -1"));
    CHECK_THROWS_WITH(search.tell(list{{asked[0].id, outcome_status::ok, {1.0, 2.0}, 0.0}}),
                      Catch::Contains("told before"));
    CHECK(search.counts().told == 1);
}
