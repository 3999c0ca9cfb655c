// SPDX-License-Identifier: Apache-2.0
#include "lathe/evaluator/staged.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/evaluator/cached.hpp"
#include "lathe/evaluator/function.hpp"
#include "lathe/evaluator/tabular.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// Accuracy by candidate id; remembers whom it saw and with how much effort.
struct scripted_evaluator {
    using provided = metric_list<accuracy>;
    static constexpr thread_safety safety = thread_safety::basic;
    std::vector<double> values;  ///< NaN: fails
    std::vector<std::uint64_t> seen = {};
    std::vector<double> efforts = {};
    bool measure = true;

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity f) {
        std::vector<evaluation> result;
        efforts.push_back(f.effort);
        for (const candidate& one : c) {
            seen.push_back(one.id);
            const double v = values.at(one.id);
            if (std::isnan(v)) {
                result.push_back(evaluation::failure("out of memory"));
            } else if (!measure) {
                result.emplace_back();
            } else {
                result.push_back(
                    {evaluation_status::done, {{id_of<accuracy>(), estimate::exact(v)}}, {}});
            }
        }
        return result;
    }
};
using two_stages = staged_evaluator<scripted_evaluator, scripted_evaluator>;
static_assert(Evaluator<two_stages>);
static_assert(two_stages::provided::contains<accuracy>);
static_assert(two_stages::safety == thread_safety::basic);
static_assert(Evaluator<staged_evaluator<tabular_evaluator>>);

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<candidate> candidates(std::size_t n) {
    std::vector<candidate> list;
    for (std::size_t i = 0; i < n; ++i) list.push_back({i, {{static_cast<std::uint16_t>(i)}}, nullptr});
    return list;
}

estimate accuracy_of(const evaluation& e) {
    REQUIRE(e.metrics.size() == 1);
    return e.metrics[0].value;
}

TEST_CASE("the best share of each stage goes on; what is left behind is not resolvable") {
    scripted_evaluator rough{{0.1, 0.8, 0.3, 0.7, 0.2, 0.6, 0.5, 0.4}};
    scripted_evaluator middle{{0.0, 0.5, 0.0, 0.6, 0.0, 0.7, 0.4, 0.0}};
    scripted_evaluator exact{{0.0, 0.0, 0.0, 0.61, 0.0, 0.59, 0.0, 0.0}};
    staged_evaluator race({.stages = {{0.1, 1.0}, {0.5, 0.5}, {1.0, 0.5}}}, rough, middle, exact);
    const auto all = candidates(8);
    const auto results = race.evaluate(all, {0.5});
    REQUIRE(results.size() == 8);
    CHECK(rough.seen.size() == 8);
    CHECK(rough.efforts == std::vector<double>{0.05});
    CHECK(middle.seen == std::vector<std::uint64_t>{1, 3, 5, 6});
    CHECK(exact.seen == std::vector<std::uint64_t>{3, 5});
    CHECK(exact.efforts == std::vector<double>{0.5});
    CHECK(accuracy_of(results[3]).value == 0.61);
    CHECK(accuracy_of(results[5]).value == 0.59);
    for (const std::size_t i : {0U, 1U, 2U, 4U, 6U, 7U}) {
        CHECK(results[i].status == evaluation_status::done);
        CHECK(accuracy_of(results[i]).status == estimate_status::not_resolvable);
    }
    CHECK(results[0].message == "not among the best 4 of 8 in stage 1");
    CHECK(results[6].message == "not among the best 2 of 4 in stage 2");

    const auto report = race.report();
    REQUIRE(report.size() == 3);
    CHECK(report[0].judged == 8);
    CHECK(report[0].passed == 4);
    CHECK(report[1].passed == 2);
    CHECK(report[2].judged == 2);
    CHECK(report[2].passed == 0);
    // (0.8 0.5) (0.7 0.6) (0.6 0.7) (0.5 0.4): three pairs of six agree
    CHECK(report[0].with_next.pairs == 4);
    CHECK(*report[0].with_next.kendall == Approx(0.0));
    CHECK(*report[0].with_next.spearman == Approx(0.2));
    CHECK(*report[1].with_next.kendall == -1.0);
    CHECK_FALSE(report[2].with_next.kendall);
    static_cast<void>(race.evaluate(all, {}));
    CHECK(race.report()[0].with_next.pairs == 8);
}

TEST_CASE("a failure in any stage is that candidate's alone and says where") {
    scripted_evaluator rough{{nan, 0.9, 0.8, 0.7, nan}};
    scripted_evaluator exact{{0.0, nan, 0.5, 0.6, 0.0}};
    staged_evaluator race({.stages = {{0.1, 1.0}, {1.0, 1.0}}}, rough, exact);
    const auto results = race.evaluate(candidates(5), {});
    CHECK(exact.seen == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(results[0].status == evaluation_status::failed);
    CHECK(results[0].message == "stage 1: out of memory");
    CHECK(results[0].metrics.empty());
    CHECK(results[1].message == "stage 2: out of memory");
    CHECK(accuracy_of(results[3]).value == 0.6);
    CHECK(race.report()[0].failed == 2);
    CHECK(race.report()[1].failed == 1);
    CHECK(*race.report()[0].with_next.kendall == -1.0);

    rough.values.assign(5, nan);
    exact.seen.clear();
    for (const auto& e : race.evaluate(candidates(5), {})) {
        CHECK(e.status == evaluation_status::failed);
    }
    CHECK(exact.seen.empty());
    CHECK(race.evaluate({}, {}).empty());

    rough = {{0.1, 0.2}};
    rough.measure = false;
    CHECK(race.evaluate(candidates(1), {})[0].message == "stage 1 did not measure accuracy");
}

struct breaking {
    static constexpr thread_safety safety = thread_safety::none;
    bool broken = true;

    [[nodiscard]] static std::vector<metric_id> metrics() { return {id_of<accuracy>()}; }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity) const {
        if (broken) throw std::runtime_error("no device");
        return std::vector<evaluation>(c.size() - 1);
    }
};

TEST_CASE("an exception of a stage passes through, and the next batch starts afresh") {
    auto rough = evaluator_of<accuracy>([](const candidate& c) { return 0.1 * c.genes.genes[0]; });
    breaking exact;
    staged_evaluator race({.stages = {{}, {}}}, rough, exact);
    static_assert(decltype(race)::safety == thread_safety::none);
    CHECK_THROWS_WITH(race.evaluate(candidates(3), {}), Contains("no device"));
    exact.broken = false;
    CHECK_THROWS_WITH(race.evaluate(candidates(3), {}),
                      Contains("stage 2") && Contains("2 evaluations for 3 candidates"));
}

TEST_CASE("with a cost, the small go on as well as the good") {
    // id: accuracy and cost rise together, and id 3 is dominated by id 2.
    scripted_evaluator rough{{0.1, 0.5, 0.7, 0.6, 0.9, 0.2}};
    scripted_evaluator exact{{0.1, 0.5, 0.7, 0.6, 0.9, 0.2}};
    const double cost[] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
    staged_evaluator by_both(
        {.stages = {{}, {1.0, 0.5}},
         .cost = [&](const candidate& c) { return cost[c.id]; }},
        rough, exact);
    static_cast<void>(by_both.evaluate(candidates(6), {}));
    CHECK(std::ranges::count(exact.seen, 0U) == 1);
    CHECK(std::ranges::count(exact.seen, 4U) == 1);
    CHECK(std::ranges::count(exact.seen, 3U) == 0);
    CHECK(exact.seen.size() == 3);
    exact.seen.clear();
    staged_evaluator by_accuracy({.stages = {{}, {1.0, 0.5}}}, rough, exact);
    static_cast<void>(by_accuracy.evaluate(candidates(6), {}));
    CHECK(exact.seen == std::vector<std::uint64_t>{2, 3, 4});
}

TEST_CASE("a loss goes on when it is small, and one candidate always does") {
    auto rough = evaluator_of<metric<quantity::loss>>(
        [](const candidate& c) { return 1.0 + c.genes.genes[0]; });
    scripted_evaluator exact{{0.5, 0.4, 0.3}};
    staged_evaluator race(
        {.stages = {{0.1, 1.0, id_of<metric<quantity::loss>>()}, {1.0, 0.01}}}, rough, exact);
    const auto results = race.evaluate(candidates(3), {});
    CHECK(exact.seen == std::vector<std::uint64_t>{0});
    CHECK(results[1].metrics[0].id == id_of<accuracy>());
    CHECK(race.metrics() == std::vector{id_of<accuracy>()});
}

TEST_CASE("a race is not cut into parts by a cache or by threads") {
    scripted_evaluator e;
    staged_evaluator race({.stages = {{}, {}}}, e, e);
    CHECK_THROWS_WITH(cached_evaluator(race), Contains("cached_evaluator") && Contains("inside"));
    staged_evaluator alone({.stages = {{}}}, e);
    CHECK_NOTHROW(cached_evaluator(alone));
}

TEST_CASE("stages that make no sense are refused by name") {
    scripted_evaluator e;
    const auto make = [&](std::vector<stage> stages) {
        return staged_evaluator({.stages = std::move(stages)}, e, e);
    };
    CHECK_THROWS_WITH(make({{}}), Contains("1 stages for 2 evaluators"));
    CHECK_THROWS_WITH(make({{0.0, 1.0}, {}}), Contains("stage 1, effort"));
    CHECK_THROWS_WITH(make({{}, {1.0, nan}}), Contains("stage 2, share"));
    CHECK_THROWS_WITH(make({{1.0, 0.5}, {}}), Contains("the first stage judges all"));
    CHECK_THROWS_WITH(make({{}, {1.0, 0.5, id_of<parameters>()}}),
                      Contains("stage 2") && Contains("parameters"));
}

}  // namespace
}  // namespace lathe
