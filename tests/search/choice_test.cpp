// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "lathe/core/error.hpp"
#include "lathe/search/study.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

struct searched {
    toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    decltype(toy::evaluator()) judge = toy::evaluator();
    toy::optimizer strategy{space};
    study<toy::space, decltype(toy::evaluator()), toy::optimizer, toy::size_model,
          toy::latency_model>
        s;

    explicit searched(const std::string& limit = "<= 40%")
        : s(space, judge, strategy, toy::edge_goals(limit, "<= 1k"), {}, size, latency) {
        static_cast<void>(s.run({}));
    }
};

TEST_CASE("the choice is the best member whose fresh upper bound keeps the limit") {
    searched f;
    toy::latency_model fresh{.half_width = 0.02};
    const scenario_choice c = f.s.choose(fresh)[0];
    REQUIRE(c.chosen());
    const double reference = find_metric(c.reference, id_of<latency_p99>("edge")).value;
    const auto by_formula = [&](const trial& t) {
        return find_metric(t.metrics, id_of<latency_p99>("edge")).value * 1.02 <= 0.4 * reference;
    };
    CHECK(by_formula(*c.member));
    const double chosen = find_metric(c.member->metrics, id_of<accuracy>()).value;
    for (const trial& t : f.s.ledger().trials()) {
        if (t.status == trial_status::evaluated && by_formula(t)) {
            CHECK(find_metric(t.metrics, id_of<accuracy>()).value <= chosen);
        }
    }
    for (const limit_result& l : c.limits) CHECK(l.margin >= 0.0);
    CHECK(c.limits[0].margin ==
          Approx((0.4 * reference - c.limits[0].value.high) / (0.4 * reference)));
}

TEST_CASE("members that fail the fresh measurement are followed by better ones in that metric") {
    searched f;
    toy::latency_model fresh{.half_width = 0.3};
    const scenario_choice c = f.s.choose(fresh)[0];
    REQUIRE(c.chosen());
    REQUIRE(c.attempts.size() > 1);
    double last = std::numeric_limits<double>::infinity();
    for (const choice_attempt& a : c.attempts) {
        const double recorded =
            find_metric(f.s.ledger().trials()[a.trial].metrics, id_of<latency_p99>("edge")).value;
        CHECK(recorded < last);
        last = recorded;
        CHECK((a.verdict == verdict::feasible) == (a.trial == c.member->id));
    }
    CHECK(fresh.networks == static_cast<int>(2 * c.attempts.size()));
}

TEST_CASE("noise alone passes nobody over") {
    searched f("<= 8us");
    toy::latency_model quiet{.half_width = 100.0};
    toy::latency_model disturbed{.half_width = 100.0, .noisy = true};
    const scenario_choice few = f.s.choose(quiet)[0];
    const scenario_choice many = f.s.choose(disturbed)[0];
    CHECK(few.verdict == verdict::undecided);
    CHECK(many.verdict == verdict::undecided);
    CHECK(few.attempts.size() < many.attempts.size());
    CHECK(many.attempts.size() == choice_settings().attempts);
}

TEST_CASE("relative limits follow the reference measured beside the candidate") {
    searched f;
    const scenario_choice usual = f.s.choose(f.latency)[0];
    toy::latency_model slow_day{.slowdown = 3.0};
    const scenario_choice slower = f.s.choose(slow_day)[0];
    REQUIRE(slower.chosen());
    CHECK(slower.member->id == usual.member->id);
    CHECK(slower.limits[0].bound.value == Approx(3.0 * usual.limits[0].bound.value));
}

TEST_CASE("absolute limits do not: the machine got slower, so the choice gets smaller") {
    searched f("<= 8us");
    const scenario_choice usual = f.s.choose(f.latency)[0];
    toy::latency_model slow_day{.slowdown = 2.0};
    const scenario_choice slower = f.s.choose(slow_day)[0];
    REQUIRE(usual.chosen());
    REQUIRE(slower.chosen());
    CHECK(find_metric(slower.member->metrics, id_of<parameters>()).value <
          find_metric(usual.member->metrics, id_of<parameters>()).value);
}

TEST_CASE("a member without a value for an objective is never chosen") {
    const searched f;
    study_ledger staged(f.s.ledger().goals());
    staged.set_reference(*f.s.ledger().reference());
    const auto add_without_accuracy = [&](auto left_behind) {
        for (trial t : f.s.ledger().trials()) {
            for (metric_estimate& m : t.metrics) {
                if (m.id == id_of<accuracy>() && left_behind(t)) {
                    m.value = estimate::missing(estimate_status::not_resolvable);
                }
            }
            staged.add(std::move(t));
        }
    };
    SECTION("others are") {
        add_without_accuracy([](const trial& t) { return t.id % 2 == 0; });
        const scenario_choice c = choose(staged, 0, {});
        REQUIRE(c.chosen());
        CHECK(c.member->id % 2 == 1);
    }
    SECTION("even where it alone keeps the limits") {
        add_without_accuracy([](const trial&) { return true; });
        CHECK_FALSE(choose(staged, 0, {}).chosen());
    }
}

TEST_CASE("undecided after a bounded number of attempts") {
    searched f("<= 8us");
    toy::latency_model hopeless{.slowdown = 100.0};
    const scenario_choice c = choose(f.s.ledger(), 0,
                                     [&](std::span<const genotype> members, const scenario& where) {
                                         std::vector<network> nets;
                                         for (const genotype& g : members)
                                             nets.push_back(f.space.lower(g));
                                         return detail::estimate_for(hopeless, nets, where);
                                     },
                                     {.attempts = 3});
    CHECK(c.verdict == verdict::undecided);
    CHECK(c.attempts.size() == 3);
    CHECK_THAT(c.explanation, Contains("none of the 3") && Contains("latency_p99@edge <= 8"));
    CHECK(c.member);
}

TEST_CASE("infeasible: the nearest member and the tightest limit") {
    searched f("<= 100ns");
    const scenario_choice c = f.s.choose(f.latency)[0];
    CHECK(c.verdict == verdict::infeasible);
    CHECK(c.attempts.empty());
    REQUIRE(c.member);
    CHECK(c.member->genes == f.space.smallest());
    CHECK_THAT(c.explanation, Contains("latency_p99@edge <= 100 ns"));
}

TEST_CASE("before the first step there is nothing to choose from, and no limit in per cent") {
    const toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    auto judge = toy::evaluator();
    toy::optimizer strategy{space};
    const study s(space, judge, strategy, toy::edge_goals(), {}, size, latency);
    const scenario_choice c = s.choose()[0];
    CHECK_FALSE(c.chosen());
    CHECK(c.explanation == "no network could be evaluated");
    CHECK_THROWS_WITH(s.ledger().limits(0), Contains("not measured yet"));
    CHECK_THROWS_AS(s.ledger().outcome_of({}, 0), error);
    CHECK_THROWS_AS(s.ledger().refuses({}), error);
}

TEST_CASE("a choice among no members is refused") {
    searched f;
    toy::latency_model fresh;
    CHECK_THROWS_WITH(f.s.choose(fresh, {.attempts = 0}), Contains("attempts"));
}

TEST_CASE("a fresh measurement of the wrong length is an error") {
    searched f;
    CHECK_THROWS_WITH(choose(f.s.ledger(), 0,
                             [](std::span<const genotype>, const scenario&) {
                                 return std::vector<std::vector<metric_estimate>>{};
                             }),
                      Contains("0 results for 2 members"));
}

}  // namespace
}  // namespace lathe
