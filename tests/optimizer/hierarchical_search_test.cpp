// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/hierarchical_search.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;
using Catch::Matchers::Contains;

namespace {

/// A user's own optimizer, which cannot receive.
class closed_search {
public:
    explicit closed_search(search_domain d, std::uint64_t seed)
        : inner_(std::move(d), {.seed = seed}) {}
    std::vector<proposal> ask(std::size_t n) { return inner_.ask(n); }
    void tell(std::span<const outcome> outcomes) { inner_.tell(outcomes); }
    [[nodiscard]] std::string state() const { return inner_.state(); }
    void restore(std::string_view s) { inner_.restore(s); }

private:
    random_search inner_;
};
static_assert(Optimizer<closed_search> && !ReceivingOptimizer<closed_search>);

hierarchical_search<nsga2> small(const search_domain& d) {
    return {d, {.seed = 2, .budgets = {16, 12, 14}, .parts = 3, .keep = 0.5},
            [](search_domain part, std::uint64_t seed) {
                return nsga2(std::move(part), {.seed = seed, .population = 6});
            }};
}

hierarchical_search<closed_search> closed(const search_domain& d) {
    return {d, {.seed = 3, .budgets = {20, 20}}, [](search_domain part, std::uint64_t seed) {
                return closed_search(std::move(part), seed);
            }};
}

/// Better where the first gene is large; the others do not matter.
outcome first_gene_matters(const proposal& p) {
    return {p.id, outcome_status::ok, {-1.0 * p.genes.genes[0]}, 0.0};
}

template <class O, class Judge>
std::vector<genotype> run(O& optimizer, std::size_t evaluations, std::size_t batch, Judge judge) {
    std::vector<genotype> seen;
    while (seen.size() < evaluations) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(batch)) {
            seen.push_back(p.genes);
            told.push_back(judge(p));
        }
        if (told.empty()) break;
        optimizer.tell(told);
    }
    return seen;
}

std::size_t different(const std::vector<genotype>& all) {
    return std::set<genotype>(all.begin(), all.end()).size();
}

}  // namespace

TEST_CASE("hierarchical_search conforms, over optimizers that can receive and that cannot") {
    const std::vector<testing::toy_problem> problems = {
        {2, 0.0, 0.0}, {1, 0.2, 0.0}, {3, 0.1, 0.5}, {2, 0.0, 1.0}};
    for (const auto& space :
         {grid({5, 5, 5, 5, 5, 5}, axis_kind::categorical), grid({64, 64, 2, 1, 9}),
          depth_space(5, 4), table_space(), grid({3, 2}), grid(std::vector<std::size_t>(200, 2))}) {
        for (const auto& problem : problems) {
            INFO("axes " << space.axes.size() << " objectives " << problem.objectives);
            const auto nested = [&] { return small(space); };
            const auto others = [&] { return closed(space); };
            CHECK(testing::optimizer_check(space, nested, problem).run() ==
                  std::vector<std::string>{});
            CHECK(testing::optimizer_check(space, others, problem).run() ==
                  std::vector<std::string>{});
        }
    }
}

TEST_CASE("it takes any optimizer for its regions") {
    const auto space = grid({5, 5, 5}, axis_kind::categorical);
    const hierarchical_search made(space, {.budgets = {20}}, [](search_domain d, std::uint64_t seed) {
        return surrogate_search(std::move(d), {.seed = seed, .initial = 10});
    });
    STATIC_REQUIRE(std::is_same_v<decltype(made), const hierarchical_search<surrogate_search>>);
    CHECK(made.levels() == std::vector<search_level>{{20, 0, 0, 1, 1.0}});
}

TEST_CASE("levels narrow down to where members are good, and say what they used") {
    const auto space = grid({32, 4, 4, 4});
    hierarchical_search optimizer(space, {.seed = 1, .budgets = {40, 30}, .parts = 4, .keep = 0.5});
    const auto seen = run(optimizer, 120, 10, first_gene_matters);
    CHECK(different(seen) == 120);
    const auto levels = optimizer.levels();
    REQUIRE(levels.size() == 3);
    CHECK(levels[0] == search_level{40, 40, 0, 1, 1.0});
    CHECK(levels[1].budget == 30);
    CHECK(levels[1].told == 30);
    CHECK(levels[1].regions == 2);
    CHECK(levels[2].budget == 0);
    CHECK(levels[2].told == 50);
    CHECK(levels[1].share < levels[0].share);
    CHECK(levels[2].share < levels[1].share);
    const auto mean = [&](std::size_t from, std::size_t to) {
        double sum = 0.0;
        for (std::size_t i = from; i < to; ++i) sum += seen[i].genes[0];
        return sum / static_cast<double>(to - from);
    };
    CHECK(mean(0, 40) < mean(40, 70));
    CHECK(mean(40, 70) < mean(70, 120));
    CHECK(mean(70, 120) > 24.0);
}

TEST_CASE("what is dropped is dropped: the next level proposes nothing outside of its regions") {
    const auto space = grid({16, 16});
    hierarchical_search optimizer(space, {.seed = 5, .budgets = {48}, .parts = 2, .keep = 0.0});
    const auto first = run(optimizer, 48, 8, first_gene_matters);
    REQUIRE(optimizer.levels().size() == 2);
    const double share = optimizer.levels()[1].share;
    CHECK(share < 0.8);
    const auto later = run(optimizer, 32, 8, first_gene_matters);
    const double least = 16.0 * (1.0 - share);
    for (const genotype& g : later) CHECK(g.genes[0] >= least - 1e-9);
}

TEST_CASE("a small space is searched to its last member, dropped regions included") {
    for (const auto& space : {grid({6, 5, 4}), depth_space(3, 3), table_space()}) {
        auto optimizer = small(space);
        const auto seen = run(optimizer, 1000, 7, first_gene_matters);
        std::size_t members = space.members ? space.members->size() : 0;
        if (!space.members && !space.canonical) members = 120;
        if (space.canonical) members = 3 + 9 + 27 + 1;
        CHECK(seen.size() == members);
        CHECK(different(seen) == members);
        CHECK(optimizer.counts().exhausted);
        CHECK(optimizer.counts().told == members);
    }
}

TEST_CASE("failures and NaN decide nothing: the best half may fail, and is not kept for it") {
    const auto space = grid({16, 16, 16});
    const auto judge = [](const proposal& p) {
        const double gene = p.genes.genes[0];
        if (gene >= 8) {
            return gene >= 12 ? outcome{p.id, outcome_status::failed, {-100.0}, 0.0}
                              : outcome{p.id, outcome_status::ok,
                                        {std::numeric_limits<double>::quiet_NaN()}, 0.0};
        }
        return outcome{p.id, outcome_status::ok, {gene}, 0.0};
    };
    hierarchical_search optimizer(space, {.seed = 4, .budgets = {60}, .parts = 2, .keep = 0.5});
    run(optimizer, 60, 10, judge);
    REQUIRE(optimizer.levels().size() == 2);
    CHECK(optimizer.levels()[0].failed > 10);
    CHECK(optimizer.levels()[0].failed == optimizer.counts().failed);
    const auto later = run(optimizer, 20, 10, judge);
    for (const genotype& g : later) CHECK(g.genes[0] < 8);

    hierarchical_search hopeless(space, {.seed = 4, .budgets = {20, 20}});
    const auto all = run(hopeless, 80, 10, [](const proposal& p) {
        return outcome{p.id, outcome_status::failed, {}, 0.0};
    });
    CHECK(different(all) == 80);
    CHECK(hopeless.levels().back().share == 1.0);  // nothing was learned, so nothing was dropped
}

TEST_CASE("a level is not held up by what is still in flight, and hears of it later") {
    const auto space = grid({12, 6, 6});
    auto optimizer = small(space);
    std::vector<outcome> late;
    std::set<genotype> seen;
    for (int step = 0; step < 30; ++step) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(6)) {
            CHECK(seen.insert(p.genes).second);
            (told.size() < 4 ? told : late).push_back(first_gene_matters(p));
        }
        optimizer.tell(told);
        if (step % 7 == 6) optimizer.tell(std::exchange(late, {}));
    }
    optimizer.tell(late);
    CHECK(optimizer.levels().size() == 4);
    CHECK(optimizer.counts().told == seen.size());
    const auto levels = optimizer.levels();
    const auto told = std::accumulate(
        levels.begin(), levels.end(), std::size_t{0},
        [](std::size_t sum, const search_level& l) { return sum + l.told; });
    CHECK(told == seen.size());
}

TEST_CASE("options out of range and states of other options are refused") {
    const auto space = grid({4, 4});
    const auto make = [&](hierarchical_search_options o) {
        return hierarchical_search(space, std::move(o));
    };
    CHECK_THROWS_WITH(make({.budgets = {10, 0}}), Contains("hierarchical_search.budgets"));
    CHECK_THROWS_WITH(make({.parts = 1}), Contains("hierarchical_search.parts"));
    CHECK_THROWS_WITH(make({.keep = 1.5}), Contains("hierarchical_search.keep"));
    CHECK_THROWS_WITH(make({.keep = std::nan("")}), Contains("hierarchical_search.keep"));
    CHECK_THROWS_WITH(make({}).restore(make({.budgets = {9}}).state()), Contains("other options"));
    CHECK_THROWS_WITH(make({}).restore(make({.keep = 0.25}).state()), Contains("other options"));
    CHECK_THROWS_WITH(make({}).restore(nsga2(space).state()), Contains("hierarchical_search"));
    CHECK_THROWS_WITH(hierarchical_search(grid({3, 0})), Contains("0 options"));
}
