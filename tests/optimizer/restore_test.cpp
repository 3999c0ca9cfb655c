// SPDX-License-Identifier: Apache-2.0
// A state goes on only where it comes from: the same kind, space, seed, warm start and options.
#include <catch2/catch.hpp>
#include <string>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

search_domain space(axis_kind kind = axis_kind::ordinal) { return grid({5, 4, 3, 6}, kind); }

genotype member(std::uint16_t first) { return {{first, 0, 0, 0}}; }

template <class O>
O after_some_steps(O optimizer) {
    const auto domain = space();
    for (int step = 0; step < 3; ++step) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(6)) {
            told.push_back(testing::toy_problem{}.evaluate(p, domain.axes));
        }
        optimizer.tell(told);
    }
    return optimizer;
}

/// `other` refuses the state of `writer` with the given complaint and goes on as if nothing had been.
template <class O>
void check_refused(const O& writer, O other, const std::string& complaint) {
    const std::string before = other.state();
    CHECK_THROWS_WITH(other.restore(writer.state()), Catch::Contains(complaint));
    CHECK(other.state() == before);
}

}  // namespace

TEST_CASE("nsga2 refuses the state of other arguments") {
    const nsga2_options o{.seed = 1, .population = 6, .first = {member(1)}};
    const auto writer = after_some_steps(nsga2(space(), o));
    const auto with = [&](auto change) {
        nsga2_options other = o;
        change(other);
        return nsga2(space(), other);
    };
    const std::string options = "belongs to other options";
    check_refused(writer, with([](auto& other) { other.population = 7; }), options);
    check_refused(writer, with([](auto& other) { other.offspring = 1; }), options);
    check_refused(writer, with([](auto& other) { other.crossover = 0.5; }), options);
    check_refused(writer, with([](auto& other) { other.mutations = 1.0; }), options);
    check_refused(writer, with([](auto& other) { other.seed = 2; }), "another seed");
    check_refused(writer, with([](auto& other) { other.first = {member(2)}; }), "another warm start");
    check_refused(writer, nsga2(space(axis_kind::categorical), o), "another search space");
    auto same = with([](auto& other) { other.offspring = other.population; });  // what 0 means
    same.restore(writer.state());
    CHECK(same.state() == writer.state());
}

TEST_CASE("the other optimizers refuse the state of other options") {
    const std::string options = "belongs to other options";
    const auto d = space();
    const regularized_evolution_options r{.population = 5, .tournament = 3};
    const auto evolution = after_some_steps(regularized_evolution(d, r));
    check_refused(evolution, regularized_evolution(d, {.population = 6, .tournament = 3}), options);
    check_refused(evolution, regularized_evolution(d, {.population = 5, .tournament = 2}), options);
    check_refused(evolution,
                  regularized_evolution(d, {.population = 5, .tournament = 3, .mutations = 1.0}), options);
    check_refused(after_some_steps(local_search(d, {.starts = 3})), local_search(d, {.starts = 4}),
                  options);
    check_refused(after_some_steps(surrogate_search(d, {.initial = 20})),
                  surrogate_search(d, {.initial = 21}), options);
    check_refused(after_some_steps(random_search(d, {.first = {member(1)}})), random_search(d),
                  "another warm start");
}
