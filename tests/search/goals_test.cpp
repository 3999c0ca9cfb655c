// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "lathe/core/error.hpp"
#include "lathe/search/goals.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

std::string problem_of(const search_goals& goals) {
    try {
        static_cast<void>(complete(goals));
    } catch (const error& e) {
        CHECK(e.code() == errc::bad_input);
        return e.what();
    }
    return "";
}

search_goals two_scenarios() {
    return typed_goals<>()
        .in("edge", {1, 1, 1})
        .in("server", {8, 2, 4})
        .optimize<accuracy>()
        .optimize<latency_p99>("edge")
        .limit<peak_memory>("server", "<= 1MiB")
        .untyped();
}

TEST_CASE("objectives as text go both ways") {
    CHECK(parse_objective("max accuracy") == id_of<accuracy>());
    CHECK(parse_objective("min latency_p99@edge") == id_of<latency_p99>("edge"));
    for (const char* text : {"max accuracy", "min latency_p50@a", "min parameters"}) {
        CHECK(objective_text(parse_objective(text)) == text);
    }
    CHECK_THROWS_WITH(parse_objective("accuracy"), Contains("max accuracy"));
    CHECK_THROWS_WITH(parse_objective("min accuracy"), Contains("wrong way"));
    CHECK_THROWS_WITH(parse_objective("max acuracy", "spec.json: objectives[0]"),
                      Contains("spec.json: objectives[0]") && Contains("accuracy"));
}

TEST_CASE("complete assigns metrics to scenarios") {
    const search_goals goals = complete(two_scenarios());
    CHECK(goals.scenarios[1].limits[0].metric.scenario == "server");

    search_goals one = typed_goals<>().in("edge", {}).optimize<latency_p50>().untyped();
    one.scenarios[0].limits.push_back(parse_limit(id_of<latency_p99>(), "<= 1ms"));
    one = complete(one);
    CHECK(one.objectives[0].scenario == "edge");
    CHECK(one.scenarios[0].limits[0].metric.scenario == "edge");
    CHECK_FALSE(needs_reference(one));
    one.scenarios[0].limits.push_back(parse_limit(id_of<latency_p99>(), "<= 45%"));
    CHECK(needs_reference(one));
}

TEST_CASE("complete names what is wrong") {
    CHECK_THAT(problem_of({}), Contains("scenarios"));
    CHECK_THAT(problem_of(typed_goals<>().in("a", {}).untyped()), Contains("objectives"));
    auto goals = two_scenarios();
    goals.objectives.push_back(id_of<latency_p50>("sever"));
    CHECK_THAT(problem_of(goals), Contains("did you mean 'server'"));
    goals.objectives.back() = id_of<latency_p50>();
    CHECK_THAT(problem_of(goals), Contains("several scenarios"));
    goals.objectives.back() = id_of<parameters>("edge");
    CHECK_THAT(problem_of(goals), Contains("same in every scenario"));
    goals.objectives.back() = id_of<accuracy>();
    CHECK_THAT(problem_of(goals), Contains("twice"));
    goals = two_scenarios();
    goals.scenarios[1].name = "edge";
    CHECK_THAT(problem_of(goals), Contains("used twice"));
    goals.scenarios[1].name = "../etc";
    CHECK_THAT(problem_of(goals), Contains("file name"));
    goals = two_scenarios();
    goals.scenarios[0].target.threads = 0;
    CHECK_THAT(problem_of(goals), Contains("thread"));
    goals = two_scenarios();
    goals.scenarios[0].limits.push_back(parse_limit(id_of<latency_p99>("server"), "<= 1ms"));
    CHECK_THAT(problem_of(goals), Contains("another scenario"));
    goals = two_scenarios();
    goals.scenarios[0].limits.push_back({id_of<accuracy>(), bound::at_least, 80.0});
    CHECK_THAT(problem_of(goals), Contains("accuracy") && Contains("more than 100 %"));
    CHECK_THROWS_WITH(typed_goals<>().in("edge", {}).limit<macs>("egde", "<= 1M"),
                      Contains("did you mean 'edge'"));
}

}  // namespace
}  // namespace lathe
