// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <type_traits>

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
