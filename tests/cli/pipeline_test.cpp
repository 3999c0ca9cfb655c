// SPDX-License-Identifier: Apache-2.0
// The steps between training and report, over a function instead of a supernet.
#include <catch2/catch.hpp>

#include <csignal>
#include <functional>
#include <iterator>
#include <sstream>
#include <vector>

#include "cli/pipeline.hpp"
#include "lathe/cost_model/analytic.hpp"
#include "lathe/format/json_reader.hpp"
#include "lathe/store/memory_store.hpp"
#include "search/toy.hpp"
#include "support/temporary_folder.hpp"

namespace lathe::cli {
namespace {

using Catch::Matchers::Contains;

search_spec toy_spec(optimizer_kind optimizer, const std::string& limit) {
    search_spec spec;
    spec.preset = "toy";
    spec.search.optimizer = optimizer;
    spec.search.evaluations = 20;
    spec.search.batch = 4;
    spec.search.population = optimizer == optimizer_kind::random ? 0 : 6;
    spec.goals = complete(toy::edge_goals(limit, "<= 600"));
    return spec;
}

struct toy_parts {
    toy::space space;
    toy::size_model size;
    analytic_cost analytic{roofline{1e9, 1e9, 1e-6}};
    toy::latency_model latency;
    toy::latency_model fresh{.half_width = 0.01};
    decltype(toy::evaluator()) judge = toy::evaluator();

    search_parts get() {
        return {any_space(space),
                any_evaluator(judge),
                {any_cost_model(analytic), any_cost_model(size), any_cost_model(latency)},
                any_cost_model(fresh)};
    }
};

TEST_CASE("search step: every optimizer searches, chooses and continues from its store") {
    for (std::size_t k = 0; k < std::size(optimizer_names); ++k) {
        const auto kind = static_cast<optimizer_kind>(k);
        INFO(optimizer_names[k]);
        toy_parts parts;
        memory_store store;
        std::ostringstream text;
        progress show(text, progress_style::lines);
        const search_spec spec = toy_spec(kind, "<= 40%");
        const search_result first = search(parts.get(), spec, any_store(store), show);
        CHECK(first.why == stop_reason::evaluations);
        CHECK(first.ledger.count(trial_status::evaluated) == 20);
        REQUIRE(first.choices.size() == 1);
        CHECK(first.choices[0].chosen());
        CHECK_THAT(text.str(), Contains("20 networks measured") && Contains("1 of 1 scenarios"));

        const int measured = parts.latency.networks;
        const search_result again = search(parts.get(), spec, any_store(store), show);
        CHECK(parts.latency.networks == measured);
        CHECK(again.ledger.front() == first.ledger.front());
        CHECK(again.choices[0].member->genes == first.choices[0].member->genes);
        CHECK(again.levels == first.levels);
        CHECK(first.levels.empty() == (kind != optimizer_kind::hierarchical));
    }
}

TEST_CASE("search step: the options of the specification reach the optimizer") {
    const auto outcome_of = [](const std::function<void(search_plan&)>& change,
                               optimizer_kind kind = optimizer_kind::nsga2) {
        toy_parts parts;
        parts.space = toy::space(20, 20);
        memory_store store;
        std::ostringstream text;
        progress show(text, progress_style::lines);
        search_spec spec = toy_spec(kind, "<= 40%");
        change(spec.search);
        return search(parts.get(), spec, any_store(store), show);
    };
    const auto genes_of = [](const search_result& r) {
        std::vector<genotype> genes;
        for (const trial& t : r.ledger.trials()) genes.push_back(t.genes);
        return genes;
    };
    const auto plain = genes_of(outcome_of([](search_plan&) {}));
    CHECK(genes_of(outcome_of([](search_plan& p) { p.islands = 2; })) != plain);
    CHECK(genes_of(outcome_of([](search_plan& p) { p.population = 12; })) != plain);
    CHECK(genes_of(outcome_of([](search_plan& p) { p.seed = 2; })) != plain);

    const auto local = genes_of(outcome_of([](search_plan&) {}, optimizer_kind::local_search));
    CHECK(genes_of(outcome_of([](search_plan& p) { p.starts = 12; },
                              optimizer_kind::local_search)) != local);
    const auto learned = genes_of(outcome_of([](search_plan&) {}, optimizer_kind::surrogate_search));
    CHECK(genes_of(outcome_of([](search_plan& p) { p.initial = 8; },
                              optimizer_kind::surrogate_search)) != learned);

    const auto levels_with = [&](double keep) {
        return outcome_of(
                   [&](search_plan& p) {
                       p.evaluations = 60;
                       p.levels = 2;
                       p.keep = keep;
                   },
                   optimizer_kind::hierarchical)
            .levels;
    };
    const auto some = levels_with(0.5);
    REQUIRE(some.size() == 2);
    CHECK(some[0].budget == 30);
    CHECK(some[1].budget == 0);
    CHECK(some[1].share < 1.0);
    CHECK(levels_with(1.0)[1].share == Approx(1.0));
}

TEST_CASE("search step: an interrupt ends it after the batch, and it goes on from its store") {
    toy_parts parts;
    int judged = 0;
    auto judge = evaluator_of<accuracy>([&](const candidate& c) {
        if (++judged == 6) std::raise(SIGINT);
        return toy::quality(c.genes);
    });
    search_parts pieces = parts.get();
    pieces.judge = any_evaluator(judge);
    memory_store store;
    std::ostringstream text;
    progress show(text, progress_style::lines);
    const search_spec spec = toy_spec(optimizer_kind::nsga2, "<= 40%");
    const search_result stopped = search(pieces, spec, any_store(store), show);
    CHECK(stopped.why == stop_reason::requested);
    CHECK(stopped.choices.empty());
    CHECK(stopped.ledger.count(trial_status::evaluated) >= 5);
    CHECK(stopped.ledger.count(trial_status::evaluated) < 20);

    const search_result whole = search(pieces, spec, any_store(store), show);
    CHECK(whole.why == stop_reason::evaluations);
    CHECK(whole.ledger.count(trial_status::evaluated) == 20);
    CHECK(whole.choices.size() == 1);
    CHECK(judged == 21);  // the reference member too, and nothing twice
}

TEST_CASE("search step: an impossible limit ends with its name") {
    toy_parts parts;
    memory_store store;
    std::ostringstream text;
    progress show(text, progress_style::json);
    const search_result r =
        search(parts.get(), toy_spec(optimizer_kind::nsga2, "<= 1ns"), any_store(store), show);
    CHECK(r.choices[0].verdict == verdict::infeasible);
    CHECK_THAT(r.choices[0].explanation, Contains("latency_p99@edge <= 1 ns"));
    std::istringstream lines(text.str());
    for (std::string line; std::getline(lines, line);) CHECK_NOTHROW(parse_json(line, "progress"));
}

TEST_CASE("the folder's copy of a specification has the place of the data and the threads") {
    const temporary_folder folder;
    const study_folder study(folder / "out");
    const json_value spec = parse_json(R"({"data": {"format": "idx", "path": "x"}})", "spec");
    static_cast<void>(study.create(spec, "/somewhere/x", 3));
    const json_value kept = study.read_spec();
    json_reader data = json_reader(kept, "spec.json").at("data");
    CHECK(data.get<std::string>("path") == "/somewhere/x");
    CHECK(data.get<std::string>("format") == "idx");
    CHECK(json_reader(kept, "spec.json").at("training").get<std::int64_t>("threads") == 3);
}

TEST_CASE("time left follows the pace") {
    CHECK(seconds_left(30.0, 0.25) == Approx(90.0));
    CHECK(seconds_left(30.0, 1.0) == 0.0);
    CHECK_FALSE(seconds_left(30.0, 0.0));
    CHECK(duration_text(45) == "45 s");
    CHECK(duration_text(720) == "12 min");
    CHECK(duration_text(7200) == "2.0 h");
}

TEST_CASE("progress lines: not too many, terminal lines are written over whole") {
    std::ostringstream lines;
    progress plain(lines, progress_style::lines);
    plain.begin("training");
    for (int i = 0; i < 1000; ++i) plain.update(i / 1000.0, "x", std::nullopt);
    plain.end("done");
    CHECK(std::ranges::count(lines.str(), '\n') == 2);

    std::ostringstream screen;
    progress terminal(screen, progress_style::terminal);
    terminal.begin("a long phase name");
    terminal.end("x");
    const std::string text = screen.str();
    const std::size_t second = text.rfind('\r');
    CHECK(text.size() - second >= second);
    CHECK(text.back() == '\n');

    // An error in the middle of a phase begins on a line of its own, and only then.
    terminal.begin("search");
    terminal.leave_line();
    terminal.leave_line();
    CHECK(screen.str().ends_with("begins\n"));
    CHECK_FALSE(screen.str().ends_with("\n\n"));
}

TEST_CASE("a line is cut where the terminal ends, not within a character") {
    CHECK(fitting("training", 80) == "training");
    CHECK(fitting("training", 5) == "train");
    CHECK(fitting("training", 0).empty());
    CHECK(fitting("h\xC3\xB6he", 2) == "h\xC3\xB6");
    CHECK(fitting("\xFF\xC3", 9) == "\xFF\xC3");
}

}  // namespace
}  // namespace lathe::cli
