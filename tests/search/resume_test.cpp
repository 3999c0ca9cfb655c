// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <algorithm>

#include "lathe/evaluator/staged.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/search/study.hpp"
#include "search/strategies.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// Answers only what no store can answer: counts how often it is needed.
struct run_result {
    std::string state;
    std::vector<trial> trials;
    std::vector<std::uint64_t> front;
    int measured = 0;
};

template <class Strategy, class Judge>
run_result run_once(Strategy strategy, toy::vector_store& store, std::size_t evaluations,
                    Judge& judge) {
    const toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    study s(space, judge, strategy, toy::edge_goals(), {.batch = 5, .reference = {}}, size,
            latency);
    s.keep_in(store);
    static_cast<void>(s.run({.evaluations = evaluations}));
    return {strategy.state(),
            {s.ledger().trials().begin(), s.ledger().trials().end()},
            s.ledger().front(),
            latency.networks};
}

template <class Strategy>
run_result run_once(Strategy strategy, toy::vector_store& store, std::size_t evaluations) {
    auto judge = toy::evaluator();
    return run_once(std::move(strategy), store, evaluations, judge);
}

/// Stopped after every event, resumed, stopped again half-way to the end, resumed again.
template <class Make>
void check_every_cut(const Make& make) {
    constexpr std::size_t budget = 17;
    toy::vector_store whole;
    const run_result expected = run_once(make(), whole, budget);
    REQUIRE(whole.kept.size() > budget);
    for (std::size_t k = 0; k <= whole.kept.size(); ++k) {
        toy::vector_store cut;
        cut.kept.assign(whole.kept.begin(), whole.kept.begin() + static_cast<std::ptrdiff_t>(k));
        const auto evaluated =
            static_cast<std::size_t>(std::ranges::count_if(cut.kept, [](const study_event& e) {
                const auto* t = std::get_if<trial_recorded>(&e);
                return t != nullptr && t->trial.status != trial_status::refused;
            }));
        INFO("cut after event " << k);
        static_cast<void>(run_once(make(), cut, (evaluated + budget) / 2));
        REQUIRE(cut.kept.size() <= whole.kept.size());
        const run_result resumed = run_once(make(), cut, budget);
        CHECK(resumed.state == expected.state);
        CHECK(resumed.trials == expected.trials);
        CHECK(resumed.front == expected.front);
        CHECK(cut.kept == whole.kept);
    }
    toy::vector_store again = whole;
    CHECK(run_once(make(), again, budget).measured == 0);
}

TEST_CASE("stopped twice, after any event, a study ends as if it had not been") {
    const toy::space space;
    check_every_cut([&] { return toy::optimizer(space, 3); });
    toy::for_each_strategy([&](const char* name, auto make) {
        INFO(name);
        check_every_cut([&] { return make(domain_of(space)); });
    });
}

/// A rough judge, wrong by something that depends on the member, before an exact one.
template <class Check>
void with_stages(const Check& check) {
    auto rough = evaluator_of<accuracy>([](const candidate& c) {
        return toy::quality(c.genes) + 1e-3 * static_cast<double>(hash_of(c.genes) % 100);
    });
    auto exact = toy::evaluator();
    staged_evaluator judge({.stages = {{}, {.share = 0.4}}}, rough, exact);
    check(judge);
}

TEST_CASE("with stages, the same members go on after a stop at any event") {
    const toy::space space;
    const auto make = [&] { return nsga2(domain_of(space), {.seed = 9, .population = 6}); };
    toy::vector_store whole;
    run_result expected;
    with_stages([&](auto& judge) { expected = run_once(make(), whole, 17, judge); });
    CHECK(expected.trials.size() % 5 == 0);  // whole batches, though the budget is not
    const auto exact = [](const trial& t) {
        return find_metric(t.metrics, id_of<accuracy>()).known();
    };
    const auto judged = std::ranges::count_if(expected.trials, exact);
    CHECK(judged > 2);
    CHECK(judged < std::ssize(expected.trials) / 2 + 1);
    for (std::size_t k = 0; k <= whole.kept.size(); ++k) {
        INFO("cut after event " << k);
        toy::vector_store cut;
        cut.kept.assign(whole.kept.begin(), whole.kept.begin() + static_cast<std::ptrdiff_t>(k));
        with_stages([&](auto& judge) {
            const run_result resumed = run_once(make(), cut, 17, judge);
            CHECK(resumed.trials == expected.trials);
            CHECK(resumed.state == expected.state);
        });
        CHECK(cut.kept == whole.kept);
    }
    // A store that fails in the middle of a batch: the step is repeated, with the same result.
    for (std::size_t k = 3; k < whole.kept.size(); k += 3) {
        INFO("store fails at event " << k);
        toy::vector_store failing;
        failing.fail_at = k;
        with_stages([&](auto& judge) {
            const toy::space members;
            toy::size_model size;
            toy::latency_model latency;
            auto strategy = make();
            study s(members, judge, strategy, toy::edge_goals(), {.batch = 5, .reference = {}},
                    size, latency);
            s.keep_in(failing);
            CHECK_THROWS_WITH(s.run({.evaluations = 17}), Contains("disk full"));
            failing.fail_at = static_cast<std::size_t>(-1);
            static_cast<void>(s.step());
            static_cast<void>(s.run({.evaluations = 17}));
        });
        CHECK(failing.kept == whole.kept);
    }
}

TEST_CASE("a study goes on with a larger budget as if it had had it from the start") {
    const toy::space space;
    const auto make = [&] { return nsga2(domain_of(space), {.seed = 9, .population = 6}); };
    toy::vector_store whole;
    const run_result expected = run_once(make(), whole, 20);
    toy::vector_store parts;
    for (const std::size_t budget : {3U, 4U, 11U, 20U}) {
        const run_result now = run_once(make(), parts, budget);
        if (budget == 20U) CHECK(now.state == expected.state);
    }
    CHECK(parts.kept == whole.kept);
}

TEST_CASE("same seed, same front, from recorded metrics") {
    const toy::space space;
    toy::vector_store a;
    toy::vector_store b;
    const auto first = run_once(nsga2(domain_of(space), {.seed = 5, .population = 6}), a, 20);
    const auto second = run_once(nsga2(domain_of(space), {.seed = 5, .population = 6}), b, 20);
    CHECK(first.front == second.front);
    CHECK(a.kept == b.kept);
}

TEST_CASE("a store of another study is refused and left alone") {
    const toy::space space;
    toy::vector_store store;
    static_cast<void>(run_once(toy::optimizer(space, 1), store, 10));
    const auto before = store.kept;
    CHECK_THROWS_WITH(run_once(toy::optimizer(space, 2), store, 10), Contains("setup"));

    toy::vector_store headless;
    headless.kept.assign(before.begin() + 1, before.end());
    CHECK_THROWS_WITH(run_once(toy::optimizer(space, 1), headless, 10), Contains("no start"));
    toy::vector_store doubled = store;
    doubled.kept.push_back(doubled.kept.front());
    CHECK_THROWS_WITH(run_once(toy::optimizer(space, 1), doubled, 10), Contains("starts twice"));
    toy::vector_store foreign = store;
    std::get<trial_recorded>(foreign.kept[4]).trial.genes = {{9, 9}};
    CHECK_THROWS_WITH(run_once(toy::optimizer(space, 1), foreign, 10), Contains("9.9"));
    CHECK(store.kept == before);
}

TEST_CASE("a store of another judge, or of a limit that differs in the last digit, is refused") {
    const toy::space space;
    toy::vector_store store;
    const auto keep = [&](const char* limit, hash64 judged_by) {
        toy::optimizer strategy(space);
        auto judge = toy::evaluator();
        toy::size_model size;
        toy::latency_model latency;
        study s(space, judge, strategy, toy::edge_goals("<= 40%", limit), {.judge = judged_by},
                size, latency);
        s.keep_in(store);
    };
    keep("<= 1.000M", 1);
    CHECK_NOTHROW(keep("<= 1000k", 1));
    CHECK_THROWS_WITH(keep("<= 1.000M", 2), Contains("setup"));
    CHECK_THROWS_WITH(keep("<= 1.0000001M", 1), Contains("setup"));
}

/// The axes of toy::space with other networks, and no largest member to be the reference.
struct shifted_space {
    toy::space inner;
    std::uint16_t more = 0;

    [[nodiscard]] const std::vector<axis>& axes() const { return inner.axes(); }
    [[nodiscard]] genotype canonical(const genotype& g) const { return g; }
    [[nodiscard]] network lower(const genotype& g) const {
        return inner.lower({{static_cast<std::uint16_t>(g.genes[0] + more), g.genes[1]}});
    }
};

TEST_CASE("a study that has begun is not given a store: its first trials would be missing") {
    const toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    auto judge = toy::evaluator();
    toy::optimizer strategy{space};
    study s(space, judge, strategy, toy::edge_goals(), {}, size, latency);
    toy::vector_store late;
    static_cast<void>(s.step());
    CHECK_THROWS_WITH(s.keep_in(late), Contains("before the first step"));
    CHECK(late.kept.empty());

    toy::optimizer fresh{space};
    study other(space, judge, fresh, toy::edge_goals(), {}, size, latency);
    toy::vector_store first;
    other.keep_in(first);
    CHECK_THROWS_WITH(other.keep_in(late), Contains("kept in a store already"));
    CHECK(late.kept.empty());
}

TEST_CASE("a store of a space with the same axes and other networks is refused") {
    toy::vector_store store;
    const auto keep = [&](const shifted_space& space) {
        toy::optimizer strategy(space.inner);
        auto judge = toy::evaluator();
        study s(space, judge, strategy, typed_goals<>().in("edge", {}).optimize<accuracy>(), {});
        s.keep_in(store);
    };
    const shifted_space first;
    const shifted_space other{toy::space(), 1};
    keep(first);
    CHECK_NOTHROW(keep(first));
    CHECK_THROWS_WITH(keep(other), Contains("setup"));
}

}  // namespace
}  // namespace lathe
