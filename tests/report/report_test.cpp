// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>
#include <map>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/json_reader.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/report/report.hpp"
#include "lathe/search/study.hpp"
#include "report/svg.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// A finished search over the toy space with one scenario for each verdict.
struct finished {
    toy::space space{12, 9};
    toy::size_model size;
    toy::latency_model latency;
    decltype(toy::evaluator()) judge = toy::evaluator();
    random_search strategy{domain_of(space), {.seed = 2}};
    study<toy::space, decltype(toy::evaluator()), random_search, toy::size_model,
          toy::latency_model>
        s;
    search_report report;

    finished()
        : s(space, judge, strategy,
            typed_goals<>()
                .in("edge", {1, 1, 1})
                .in("server", {4, 2, 2})
                .in("tiny", {1, 1, 1})
                .optimize<accuracy>()
                .optimize<latency_p99>("edge")
                .limit<latency_p99>("edge", "<= 45%")
                .limit<accuracy>("edge", ">= 60%")
                .limit<latency_p99>("server", "<= 20us")
                .limit<latency_p99>("tiny", "<= 1ns"),
            {}, size, latency) {
        static_cast<void>(s.run({.evaluations = 90}));
        toy::latency_model fresh{.half_width = 0.04};
        toy::latency_model hopeless{.slowdown = 50.0};
        report.title = "Search of <toy> & \"friends\"";
        report.facts = {{"space", "toy, 108 members"}, {"data", "formula"}};
        report.machine = this_machine();
        report.describe = [](const genotype& g) { return "width <" + to_string(g) + ">"; };
        const auto good = s.choose(fresh);
        const auto bad = s.choose(hopeless);
        report.scenarios = {{good[0], "edge.onnx", {}, {}, estimate::exact(0.81)},
                            {bad[1], "", {}, {}, {}},
                            {good[2], "", {}, {}, {}}};
        program p = compile_lower_bound(space.lower(good[0].member->genes), {1, 1, 1});
        std::vector<nanoseconds> times;
        for (double t = 1000.0; times.size() < p.steps.size(); t += 1000.0) times.emplace_back(t);
        report.scenarios[0].compiled = std::move(p);
        report.scenarios[0].step_times = times;
        for (int i = 0; i < 40; ++i) {
            const double x = i / 39.0;
            report.training.push_back(
                {60.0 * x, 0.95 - 0.8 * std::exp(-6 * x), 0.85 - 0.7 * std::exp(-4 * x)});
        }
        report.largest_test_accuracy = estimate::exact(0.9);
    }
};

/// Tags are balanced and nothing but markup begins with '<'.
void check_markup(const std::string& html) {
    std::vector<std::string> open;
    for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
        const std::size_t end = html.find('>', at);
        REQUIRE(end != std::string::npos);
        const std::string tag = html.substr(at + 1, end - at - 1);
        if (tag[0] == '!' || tag.back() == '/' || tag.starts_with("meta")) continue;
        if (tag[0] == '/') {
            REQUIRE(!open.empty());
            CHECK(open.back() == tag.substr(1));
            open.pop_back();
        } else {
            open.push_back(tag.substr(0, tag.find(' ')));
        }
    }
    CHECK(open.empty());
}

TEST_CASE("the report says what was found, for every verdict") {
    const finished f;
    REQUIRE(f.report.scenarios[0].choice.verdict == verdict::feasible);
    REQUIRE(f.report.scenarios[1].choice.verdict == verdict::undecided);
    REQUIRE(f.report.scenarios[2].choice.verdict == verdict::infeasible);
    const std::string html = html_report(f.report, f.s.ledger());
    check_markup(html);
    for (const char* text : {"badge feasible", "badge undecided", "badge infeasible", "edge.onnx",
                             "P99 latency at edge", "tightest", "Search history", "Memory of edge",
                             "Time of each layer of edge", "Supernet training", "Machine"}) {
        CHECK_THAT(html, Contains(text));
    }
    // A picture for people to look at: tests/report/report_test.cpp is its recipe.
    std::ofstream(LATHE_BUILD_DIR "/report_test.html") << html;
}

TEST_CASE("a report is text and pictures only, with everything escaped") {
    finished f;
    f.report.facts.push_back({"<script>alert(1)</script>", "a\x01&b\"'"});
    f.report.scenarios[0].onnx = "\"><img src=x>";
    const std::string html = html_report(f.report, f.s.ledger());
    check_markup(html);
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("<img") == std::string::npos);
    CHECK(html.find("http://") == std::string::npos);
    CHECK(html.find("https://") == std::string::npos);
    CHECK_THAT(html, Contains("Search of &lt;toy&gt; &amp; &quot;friends&quot;"));
    CHECK(html.find("nan") == std::string::npos);
    CHECK(html.find("inf ") == std::string::npos);
}

TEST_CASE("the memory picture says how many images go through the network at once") {
    finished f;
    CHECK_THAT(html_report(f.report, f.s.ledger()), !Contains("at a time"));
    f.report.scenarios[0].compiled->target.batch = 12;
    f.report.scenarios[0].compiled->tile = 4;
    CHECK_THAT(html_report(f.report, f.s.ledger()), Contains("4 of 12 images at a time"));
}

TEST_CASE("a search without any success still has a report") {
    toy::space space;
    toy::size_model size;
    auto judge = evaluator_of<accuracy>([](const candidate&) -> double { throw 1; });
    toy::optimizer strategy(space);
    study s(space, judge, strategy, typed_goals<>().in("edge", {}).optimize<accuracy>(), {}, size);
    static_cast<void>(s.run({}));
    search_report report;
    report.title = "nothing";
    report.describe = [](const genotype& g) { return to_string(g); };
    report.scenarios.push_back({s.choose()[0], "", {}, {}, {}});
    check_markup(html_report(report, s.ledger()));
    CHECK(parse_csv(front_csv(report, s.ledger()), "front.csv").rows() == 0);
    CHECK_NOTHROW(to_json(study_json(report, s.ledger())));
}

TEST_CASE("front.csv holds the front") {
    const finished f;
    const csv_table table = parse_csv(front_csv(f.report, f.s.ledger()), "front.csv");
    const auto front = f.s.ledger().front();
    REQUIRE(table.rows() == front.size());
    const auto values = table.numbers("latency_p99@edge");
    const auto high = table.numbers("latency_p99@edge.high");
    const auto ids = table.integers("trial");
    for (std::size_t i = 0; i < front.size(); ++i) {
        const estimate e =
            find_metric(f.s.ledger().trials()[front[i]].metrics, id_of<latency_p99>("edge"));
        CHECK(ids[i] == static_cast<std::int64_t>(front[i]));
        CHECK(values[i] == e.value);
        CHECK(high[i] == e.high);
    }
}

TEST_CASE("study.json holds choices with margins and reads back") {
    const finished f;
    const std::string text = to_json(study_json(f.report, f.s.ledger()), json_style::pretty);
    const json_value value = parse_json(text, "study.json");
    json_reader reader(value, "study.json");
    CHECK(reader.at("counts").at("evaluated").as<std::int64_t>() == 90);
    const auto choices = reader.at("choices").elements();
    REQUIRE(choices.size() == 3);
    json_reader edge = choices[0];
    CHECK(edge.get<std::string>("verdict") == "chosen");
    json_reader limit = edge.at("limits").elements()[0];
    CHECK(limit.get<double>("margin") == f.report.scenarios[0].choice.limits[0].margin);
    CHECK(limit.get<bool>("kept"));
    json_reader tiny = choices[2];
    CHECK(tiny.get<std::string>("verdict") == "infeasible");
    CHECK(reader.at("front").elements().size() == f.s.ledger().front().size());
}

TEST_CASE("study.json leaves out a margin that is no number") {
    finished f;
    REQUIRE_FALSE(f.report.scenarios[0].choice.limits.empty());
    f.report.scenarios[0].choice.limits[0].margin = -HUGE_VAL;  // of a limit next to nothing
    json_value value;
    REQUIRE_NOTHROW(value = parse_json(to_json(study_json(f.report, f.s.ledger())), "study.json"));
    json_reader study(value, "study.json");
    json_reader limit(study.at("choices").elements()[0].at("limits").elements()[0]);
    CHECK(limit.find("value"));
    CHECK_FALSE(limit.find("margin"));
}

TEST_CASE("study.json tells what levels and stages were given and used") {
    finished f;
    const json_value none = study_json(f.report, f.s.ledger());
    CHECK_FALSE(json_reader(none, "study.json").find("levels"));
    CHECK_FALSE(json_reader(none, "study.json").find("stages"));

    f.report.levels = {{40, 42, 1, 1, 1.0}, {0, 48, 0, 2, 0.25}};
    f.report.stages = {{90, 2, 45, {44, 0.5, 0.625}}, {45, 0, 0, {}}};
    const json_value value = study_json(f.report, f.s.ledger());
    json_reader reader(value, "study.json");
    const auto levels = reader.at("levels").elements();
    REQUIRE(levels.size() == 2);
    json_reader first = levels[0];
    CHECK(first.get<std::int64_t>("budget") == 40);
    CHECK(first.get<std::int64_t>("told") == 42);
    CHECK(first.get<std::int64_t>("failed") == 1);
    json_reader last = levels[1];
    CHECK_FALSE(last.find("budget"));
    CHECK(last.get<std::int64_t>("regions") == 2);
    CHECK(last.get<double>("share_of_space") == 0.25);
    const auto stages = reader.at("stages").elements();
    REQUIRE(stages.size() == 2);
    json_reader rough = stages[0];
    CHECK(rough.get<std::int64_t>("judged") == 90);
    CHECK(rough.get<std::int64_t>("passed") == 45);
    CHECK(rough.get<std::int64_t>("compared_with_next") == 44);
    CHECK(rough.get<double>("kendall") == 0.5);
    CHECK(rough.get<double>("spearman") == 0.625);
    json_reader exact = stages[1];
    CHECK_FALSE(exact.find("kendall"));
}

TEST_CASE("ticks are round and inside the axis") {
    for (const auto& [low, high] : {std::pair{0.0, 1.0}, {-3.2, 17.0}, {99.0, 99.5}, {0.0, 4e9}}) {
        const auto list = detail::ticks({"", low, high}, 6);
        CHECK(list.size() >= 3);
        CHECK(list.size() <= 13);
        for (const double t : list) {
            CHECK(t >= low - 1e-9 * std::abs(low));
            CHECK(t <= high);
        }
    }
    const std::vector<double> one = {5.0, std::nan(""), 5.0};
    const auto axis = detail::axis_over("x", one, false);
    CHECK(axis.low < 5.0);
    CHECK(axis.high > 5.0);
    // What differs by rounding alone still has an axis with ticks, and few of them.
    const std::vector<double> near = {1e6, std::nextafter(1e6, 2e6), std::nextafter(1e6, 0.0)};
    const auto list = detail::ticks(detail::axis_over("x", near, false), 6);
    CHECK(list.size() >= 2);
    CHECK(list.size() <= 13);
    CHECK(detail::axis_over("x", {}, false).high > detail::axis_over("x", {}, false).low);
}

}  // namespace
}  // namespace lathe
