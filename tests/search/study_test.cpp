// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

#include "lathe/evaluator/tabular.hpp"
#include "lathe/search/event_json.hpp"
#include "lathe/search/study.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

struct fixture {
    toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    decltype(toy::evaluator()) judge = toy::evaluator();
    toy::optimizer strategy{space};

    auto make(search_goals goals = toy::edge_goals(), study_settings settings = {}) {
        return study(space, judge, strategy, std::move(goals), std::move(settings), size, latency);
    }
};

struct point {
    genotype genes;
    double quality, latency, parameters;
};

/// Every member, by formula.
std::vector<point> all_members(const toy::space& s, double batch) {
    std::vector<point> list;
    for (std::uint16_t w = 0; w < s.axes()[0].size(); ++w) {
        for (std::uint16_t d = 0; d < s.axes()[1].size(); ++d) {
            const genotype g{{w, d}};
            const double size = 16.0 * (w + 1) * (d + 1) + 2.0 * (d + 1);
            list.push_back({g, toy::quality(g), 10.0 * size * batch, size});
        }
    }
    return list;
}

template <class Space>
constexpr bool makes_study =
    std::is_constructible_v<study<toy::space, decltype(toy::evaluator()), toy::optimizer>, Space,
                            decltype(toy::evaluator())&, toy::optimizer&, search_goals,
                            study_settings>;
static_assert(makes_study<const toy::space&>);
static_assert(!makes_study<toy::space>, "it would refer to a temporary");

TEST_CASE("a study finds the exact front of the members that keep the limits") {
    fixture f;
    auto s = f.make();
    CHECK(s.run({}) == stop_reason::exhausted);

    const auto all = all_members(f.space, 2.0);
    const double limit = 0.4 * all.back().latency;
    std::set<std::vector<std::uint16_t>> expected;
    for (const point& p : all) {
        const auto keeps = [&](const point& q) {
            return q.latency <= limit && q.parameters <= 400;
        };
        const bool dominated = std::ranges::any_of(all, [&](const point& q) {
            return keeps(q) && q.quality >= p.quality && q.latency <= p.latency &&
                   (q.quality > p.quality || q.latency < p.latency);
        });
        if (keeps(p) && !dominated) expected.insert(p.genes.genes);
    }
    std::set<std::vector<std::uint16_t>> found;
    for (const auto id : s.ledger().front()) found.insert(s.ledger().trials()[id].genes.genes);
    REQUIRE(expected.size() > 3);
    CHECK(found == expected);
    CHECK(s.ledger().trials().size() == all.size());
}

TEST_CASE("members refused by exact limits cost nothing more") {
    fixture f;
    auto s = f.make();
    static_cast<void>(s.run({}));
    std::size_t small = 0;
    for (const point& p : all_members(f.space, 2.0)) small += p.parameters <= 400 ? 1 : 0;
    CHECK(s.ledger().count(trial_status::evaluated) == small);
    CHECK(s.ledger().count(trial_status::refused) == 40 - small);
    CHECK(f.latency.networks == static_cast<int>(small) + 1);  // and the reference
    for (const trial& t : s.ledger().trials()) {
        const bool measured = find_metric(t.metrics, id_of<latency_p99>("edge")).known();
        CHECK(measured == (t.status == trial_status::evaluated));
    }
    for (const outcome& o : f.strategy.told) CHECK(o.status == outcome_status::ok);
}

TEST_CASE("budgets are kept to the trial, and run() is a loop over step()") {
    fixture a;
    fixture b;
    auto by_run = a.make();
    auto by_step = b.make();
    CHECK(by_run.run({.evaluations = 13}) == stop_reason::evaluations);
    CHECK(by_run.evaluations() == 13);
    while (by_step.evaluations() < 13) static_cast<void>(by_step.step(13 - by_step.evaluations()));
    CHECK(std::ranges::equal(by_run.ledger().trials(), by_step.ledger().trials()));
    CHECK(by_run.ledger().front() == by_step.ledger().front());
    CHECK(a.strategy.state() == b.strategy.state());
}

TEST_CASE("a probe sees every step and can stop the run") {
    fixture f;
    auto s = f.make();
    std::vector<step_record> seen;
    const auto why = s.run({}, [&](const step_record& r) {
        seen.push_back(r);
        return seen.size() == 3 ? next_step::stop : next_step::go_on;
    });
    CHECK(why == stop_reason::requested);
    REQUIRE(seen.size() == 3);
    CHECK(seen[2].step == 3);
    CHECK(seen[2].trials == 24);
    CHECK(seen[2].trials == seen[2].evaluated + seen[2].refused + seen[2].failed);
    CHECK_FALSE(seen[2].all_infeasible);
    CHECK(s.ledger().least_violating().empty());
    CHECK(s.run({.wall_time = std::chrono::duration<double>(0)}) == stop_reason::wall_time);
}

TEST_CASE("failures are values and reach the optimizer as failures") {
    fixture f;
    f.latency.throw_at = 16 * 3 * 2 + 4;  // member 2.1
    auto judge = evaluator_of<accuracy>([](const candidate& c) {
        if (c.genes.genes == std::vector<std::uint16_t>{1, 0}) {
            return std::numeric_limits<double>::quiet_NaN();
        }
        return toy::quality(c.genes);
    });
    study s(f.space, judge, f.strategy, toy::edge_goals(), {}, f.size, f.latency);
    static_cast<void>(s.run({}));
    CHECK(s.ledger().count(trial_status::failed) == 2);
    CHECK(s.ledger().find({{2, 1}})->message == "cannot be timed");
    CHECK_THAT(s.ledger().find({{1, 0}})->message, Contains("accuracy"));
    CHECK(std::ranges::count(f.strategy.told, outcome_status::failed, &outcome::status) == 2);
    for (const auto id : s.ledger().front()) {
        CHECK(s.ledger().trials()[id].status == trial_status::evaluated);
    }
}

/// Fails with a long message that is not UTF-8, or gives a value outside of its own interval.
struct confused_evaluator {
    static constexpr thread_safety safety = thread_safety::full;
    [[nodiscard]] static std::vector<metric_id> metrics() { return {id_of<accuracy>()}; }
    [[nodiscard]] static std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                          fidelity) {
        std::vector<evaluation> all;
        for (const candidate& c : candidates) {
            if (c.genes.genes[0] == 1) {
                all.push_back(evaluation::failure("no caf\xe9.bin" + std::string(9999, 'x')));
            } else {
                const estimate e{0.5,  0.6, 0.7, 0.95, provenance::measured, estimate_status::known,
                                 false};
                all.push_back({evaluation_status::done, {{id_of<accuracy>(), e}}, {}});
            }
        }
        return all;
    }
};

/// Takes what can be written as JSON, as a log does.
struct text_store {
    std::vector<std::string> lines;
    void append(const study_event& e) { lines.push_back(to_json(to_json_value(e))); }
    [[nodiscard]] static std::vector<study_event> events() { return {}; }
};

TEST_CASE("a message of any bytes and numbers that contradict each other are failures, too") {
    fixture f;
    confused_evaluator judge;
    text_store store;
    study s(f.space, judge, f.strategy, toy::edge_goals("<= 1s", "<= 1M"), {}, f.size, f.latency);
    s.keep_in(store);
    CHECK(s.run({}) == stop_reason::exhausted);
    CHECK(s.ledger().count(trial_status::evaluated) == 0);
    CHECK_THAT(s.ledger().find({{1, 0}})->message, Contains("no caf\xEF\xBF\xBD.bin"));
    CHECK(s.ledger().find({{1, 0}})->message.size() < 5000);
    CHECK(s.ledger().find({{0, 0}})->message == "accuracy is outside its interval");
}

TEST_CASE("an evaluator may time networks, for the only scenario") {
    fixture f;
    tabular_evaluator judge({id_of<accuracy>(), id_of<latency_p50>()});
    for (const point& p : all_members(f.space, 1.0)) {
        judge.add(p.genes, std::vector{p.quality, p.latency});
    }
    const auto goals = typed_goals<>()
                           .in("edge", {})
                           .optimize<accuracy>()
                           .optimize<latency_p50>("edge")
                           .limit<latency_p50>("edge", "<= 3us");
    study s(f.space, judge, f.strategy, goals, {});
    static_cast<void>(s.run({}));
    CHECK(s.ledger().count(trial_status::failed) == 0);
    CHECK(s.ledger().front_size() > 0);
    CHECK_FALSE(s.ledger().all_infeasible());
    CHECK_THROWS_WITH(study(f.space, judge, f.strategy, goals.in("server", {}), {}),
                      Contains("latency_p50 differs between 2 scenarios"));
}

TEST_CASE("a space without a feasible member ends and names the tightest limit") {
    fixture f;
    auto s = f.make(toy::edge_goals("<= 1000ms", "<= 17"));
    bool flagged = false;
    const auto why = s.run({.evaluations = 5, .refusals = 10}, [&](const step_record& r) {
        flagged = r.all_infeasible;
        return next_step::go_on;
    });
    CHECK(why == stop_reason::refusals);
    CHECK(s.ledger().front().empty());
    CHECK(flagged);
    CHECK(s.ledger().all_infeasible());
    const auto least = s.ledger().least_violating();
    REQUIRE_FALSE(least.empty());
    CHECK(least[0] == s.ledger().nearest(0)->id);
    const auto parameters_of_trial = [&](std::uint64_t id) {
        return find_metric(s.ledger().trials()[id].metrics, id_of<parameters>()).value;
    };
    for (const trial& t : s.ledger().trials()) {
        const bool is_least = std::ranges::find(least, t.id) != least.end();
        CHECK(is_least == (parameters_of_trial(t.id) == parameters_of_trial(least[0])));
    }
    const auto choices = s.choose();
    CHECK(choices[0].verdict == verdict::infeasible);
    CHECK_THAT(choices[0].explanation, Contains("parameters <= 17"));
    REQUIRE(choices[0].member);
    CHECK(choices[0].member->id == s.ledger().nearest(0)->id);
}

/// Proposes the same member for ever.
struct stuck_optimizer {
    std::uint64_t next = 0;
    std::vector<proposal> ask(std::size_t n) {
        std::vector<proposal> list;
        for (std::size_t i = 0; i < n; ++i) list.push_back({next++, {{0, 0}}});
        return list;
    }
    static void tell(std::span<const outcome>) {}
    [[nodiscard]] static std::string state() { return ""; }
    static void restore(std::string_view) {}
};

TEST_CASE("a study without proposals is refused, not taken for an exhausted space") {
    fixture f;
    CHECK_THROWS_WITH(f.make(toy::edge_goals(), {.batch = 0, .reference = {}}),
                      Contains("study_settings::batch"));
}

TEST_CASE("an optimizer that repeats itself ends as exhausted") {
    fixture f;
    stuck_optimizer stuck;
    study s(f.space, f.judge, stuck, toy::edge_goals(), {}, f.size, f.latency);
    CHECK(s.run({}) == stop_reason::exhausted);
    CHECK(s.ledger().trials().size() == 1);
    CHECK(f.latency.networks == 2);
}

struct broken_evaluator {
    using provided = metric_list<accuracy>;
    static constexpr thread_safety safety = thread_safety::none;
    int calls_left = 2;
    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    std::vector<evaluation> evaluate(std::span<const candidate> candidates, fidelity) {
        if (calls_left-- == 0) throw std::runtime_error("the data set is gone");
        std::vector<evaluation> list;
        for (const candidate& c : candidates) {
            list.push_back(detail::evaluation_of(id_of<accuracy>(), toy::quality(c.genes)));
        }
        return list;
    }
};

TEST_CASE("after an exception of the evaluator or the store the step can be repeated") {
    fixture whole;
    auto expected = whole.make();
    static_cast<void>(expected.run({.evaluations = 12}));

    fixture f;
    broken_evaluator broken;
    toy::vector_store store;
    study s(f.space, broken, f.strategy, toy::edge_goals(), {}, f.size, f.latency);
    s.keep_in(store);
    CHECK_THROWS_WITH(s.run({.evaluations = 12}), "the data set is gone");
    store.fail_at = store.kept.size() + 2;
    CHECK_THROWS_AS(s.run({.evaluations = 12}), error);
    store.fail_at = static_cast<std::size_t>(-1);
    CHECK(s.run({.evaluations = 12}) == stop_reason::evaluations);
    CHECK(std::ranges::equal(s.ledger().trials(), expected.ledger().trials()));
    CHECK(store.kept.size() == 2 + s.ledger().trials().size());
    CHECK(f.strategy.state() == whole.strategy.state());
}

TEST_CASE("several scenarios: a member is feasible where it serves one, and none is forgotten") {
    fixture f;
    auto goals = typed_goals<>()
                     .in("edge", {1, 1, 1})
                     .in("server", {4, 1, 1})
                     .optimize<accuracy>()
                     .optimize<latency_p99>("server")
                     .limit<latency_p99>("edge", "<= 3us")
                     .limit<latency_p99>("server", "<= 5us");
    study s(f.space, f.judge, f.strategy, goals, {}, f.size, f.latency);
    static_cast<void>(s.run({}));
    CHECK(s.ledger().outcome_objectives() == 4);
    bool only_edge = false;
    for (const trial& t : s.ledger().trials()) {
        const judgement edge = s.ledger().judge(t.metrics, 0);
        const judgement server = s.ledger().judge(t.metrics, 1);
        const outcome o = s.ledger().outcome_of(t, 99);
        CHECK(o.violation == std::min(edge.total.amount, server.total.amount));
        if (o.violation > 0.0) continue;
        REQUIRE(o.objectives.size() == 4);
        CHECK(o.objectives[2] == edge.total.amount);
        CHECK(o.objectives[3] == server.total.amount);
        only_edge = only_edge || (o.objectives[2] == 0.0 && o.objectives[3] > 0.0);
    }
    CHECK(only_edge);
    const auto choices = s.choose();
    REQUIRE(choices.size() == 2);
    CHECK(choices[0].chosen());
    CHECK(choices[1].chosen());
    CHECK(choices[0].member->genes != choices[1].member->genes);
}

TEST_CASE("goals that no component can measure are refused") {
    fixture f;
    auto goals = toy::edge_goals();
    goals.objectives.push_back(id_of<metric<quantity::latency, statistic::p90>>("edge"));
    CHECK_THROWS_WITH(f.make(goals),
                      Contains("nothing here measures latency_p90") && Contains("latency_p99"));
    goals = toy::edge_goals();
    goals.scenarios[0].limits.push_back(parse_limit(id_of<peak_memory>("edge"), "<= 1MiB"));
    CHECK_THROWS_WITH(f.make(goals), Contains("scenario 'edge'") && Contains("peak_memory"));
}

/// Not elastic: no largest member.
struct plain_space {
    toy::space inner;
    [[nodiscard]] const std::vector<axis>& axes() const { return inner.axes(); }
    [[nodiscard]] genotype canonical(const genotype& g) const { return g; }
    [[nodiscard]] network lower(const genotype& g) const { return inner.lower(g); }
};

TEST_CASE("relative limits need a reference member") {
    fixture f;
    const plain_space plain;
    const auto make = [&](study_settings settings) {
        return study(plain, f.judge, f.strategy, toy::edge_goals(), std::move(settings), f.size,
                     f.latency);
    };
    CHECK_THROWS_WITH(make({}), Contains("reference"));
    auto s = make({.reference = genotype{{4, 4}}});
    static_cast<void>(s.step());
    REQUIRE(s.ledger().reference());
    const double size = 16.0 * 5 * 5 + 2 * 5;
    CHECK(s.ledger().limits(0)[0].value == Approx(0.4 * 20.0 * size));
}

TEST_CASE("a reference that cannot be measured matters only where limits refer to it") {
    fixture f;
    f.latency.throw_at = 16 * 8 * 5 + 2 * 5;  // the largest member
    auto relative = f.make();
    CHECK_THROWS_WITH(relative.step(), Contains("7.4") && Contains("cannot be timed"));
    auto absolute = f.make(toy::edge_goals("<= 9us"));
    CHECK(absolute.run({.evaluations = 5}) == stop_reason::evaluations);
    CHECK_FALSE(absolute.ledger().reference());
    CHECK(absolute.choose(f.latency)[0].chosen());
}

TEST_CASE("a reference that could not be measured is not kept: the study goes on when it can be") {
    fixture f;
    toy::vector_store store;
    auto s = f.make();
    s.keep_in(store);
    f.latency.throw_at = 16 * 8 * 5 + 2 * 5;  // the largest member
    CHECK_THROWS_WITH(s.step(), Contains("cannot be timed"));
    CHECK(store.kept.size() == 1);
    store.fail_at = 1;
    f.latency.throw_at = -1;
    CHECK_THROWS_WITH(s.step(), Contains("disk full"));
    CHECK_FALSE(s.ledger().reference());
    store.fail_at = static_cast<std::size_t>(-1);

    fixture later;
    auto resumed = later.make();
    resumed.keep_in(store);
    CHECK(resumed.run({.evaluations = 5}) == stop_reason::evaluations);
    CHECK(std::holds_alternative<reference_measured>(store.kept.at(1)));
    CHECK(store.kept.size() == 2 + resumed.ledger().trials().size());
}

}  // namespace
}  // namespace lathe
