// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <type_traits>

#include "lathe/evaluator/staged.hpp"
#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/search/any.hpp"
#include "lathe/search/study.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

/// What toy::space has, and no largest member.
struct plain_space {
    toy::space inner{3, 3};
    [[nodiscard]] const std::vector<axis>& axes() const { return inner.axes(); }
    [[nodiscard]] genotype canonical(const genotype& g) const { return g; }
    [[nodiscard]] network lower(const genotype& g) const { return inner.lower(g); }
};

static_assert(std::is_constructible_v<any_space, const toy::space&>);
static_assert(!std::is_constructible_v<any_space, toy::space>, "it would refer to a temporary");

TEST_CASE("a study of erased components does what the typed one does") {
    const toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    auto judge = toy::evaluator();
    toy::optimizer typed_strategy(space);
    toy::vector_store typed_store;
    study typed(space, judge, typed_strategy, toy::edge_goals(), {}, size, latency);
    typed.keep_in(typed_store);
    static_cast<void>(typed.run({.evaluations = 15}));

    toy::optimizer strategy(space);
    toy::vector_store store;
    const any_space erased_space(space);
    any_evaluator erased_judge(judge);
    any_optimizer erased_strategy(strategy);
    any_cost_model erased_size(size);
    any_cost_model erased_latency(latency);
    any_store erased_store(store);
    study erased(erased_space, erased_judge, erased_strategy, toy::edge_goals(), {}, erased_size,
                 erased_latency);
    erased.keep_in(erased_store);
    static_cast<void>(erased.run({.evaluations = 15}));

    CHECK(store.kept == typed_store.kept);
    CHECK(erased_strategy.state() == typed_strategy.state());
}

TEST_CASE("erased components say what their own say: levels, counts, and whether batches are judged") {
    const toy::space space;
    nsga2 flat(domain_of(space));
    hierarchical_search levelled(domain_of(space), {.budgets = {7}});
    CHECK(any_optimizer(flat).levels().empty());
    CHECK(any_optimizer(levelled).levels() == levelled.levels());
    CHECK(levelled.levels().front().budget == 7);

    const auto asked = flat.ask(3);
    CHECK(any_optimizer(flat).counts()->asked == asked.size());
    toy::optimizer uncounted(space);
    CHECK_FALSE(any_optimizer(uncounted).counts());

    auto alone = toy::evaluator();
    staged_evaluator race({.stages = {{}, {.share = 0.5}}}, alone, alone);
    CHECK_FALSE(any_evaluator(alone).judges_batches());
    CHECK(any_evaluator(race).judges_batches());
}

TEST_CASE("a step's record tells the budget of each level and what is used of it") {
    const toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    auto judge = toy::evaluator();
    hierarchical_search strategy(domain_of(space), {.budgets = {12}});
    study s(space, judge, strategy, toy::edge_goals(), {.batch = 4, .reference = {}}, size, latency);
    std::vector<std::vector<search_level>> seen;
    static_cast<void>(s.run({.steps = 5}, [&](const step_record& r) {
        seen.push_back(r.levels);
        return next_step::go_on;
    }));
    REQUIRE(seen.size() == 5);
    CHECK(seen[0] == std::vector<search_level>{{12, 4, 0, 1, 1.0}});
    REQUIRE(seen[4].size() == 2);
    CHECK(seen[4][0].told == 12);
    CHECK(seen[4][1].budget == 0);
    CHECK(seen[4][1].told == 8);

    nsga2 flat(domain_of(space));
    study plain(space, judge, flat, toy::edge_goals(), {.batch = 4, .reference = {}}, size, latency);
    CHECK(plain.step().levels.empty());
}

TEST_CASE("an erased space answers for any space") {
    const toy::space elastic(3, 3);
    const plain_space plain;
    CHECK(any_space(elastic).largest() == genotype{{2, 2}});
    CHECK(any_space(elastic).smallest() == genotype{{0, 0}});
    CHECK_FALSE(any_space(plain).largest());
    CHECK(any_space(plain).count().exact() == 9U);
    CHECK(any_space(plain).describe({{1, 2}}) == "width=1 depth=2");
    rng a(4);
    rng b(4);
    CHECK(any_space(plain).sample(a) == sample_member(plain, b));
}

}  // namespace
}  // namespace lathe
