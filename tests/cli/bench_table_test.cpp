// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lathe/cli/command_line.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/json.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/search/table_problem.hpp"
#include "support/temporary_folder.hpp"

namespace lathe::cli {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

const fs::path nb201 = fs::path(LATHE_SOURCE_DIR) / "../shared/data/nb201/nb201_xeon.csv";

/// Front by (acc, ms): aa, ab, ba. Reference by default: (60, 8). By `final`, ab beats aa.
const std::string small =
    "arch,acc,final,ms,mb\n"
    "aa,90,91,8,5\n"
    "ab,88,93,4,4\n"
    "ba,70,72,2,3\n"
    "bb,60,61,6,1\n"
    "ac,65,66,7,2\n";

struct answer {
    int code;
    std::string out;
    std::string err;
};

/// Runs `lathe bench table` on the text.
answer bench(const std::string& table, std::vector<std::string> arguments,
             const std::string& optimizer = "random", int evals = 100, int seeds = 1) {
    const temporary_folder folder;
    const fs::path file = folder / "table.csv";
    std::ofstream(file) << table;
    std::vector<std::string> all{"bench", "table", file.string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"--optimizer", optimizer, "--evals", std::to_string(evals), "--seeds",
                           std::to_string(seeds)});
    std::ostringstream out, err;
    const int code = run_command_line(all, out, err, false);
    return {code, out.str(), err.str()};
}

double number(const json_object& o, const char* key) {
    const json_value& v = *o.find(key);
    if (const auto* whole = v.get_if<std::int64_t>()) return static_cast<double>(*whole);
    return *v.get_if<double>();
}
double mean(const json_object& o, const char* key) {
    return number(*o.find(key)->get_if<json_object>(), "mean");
}

json_object result(const std::string& table, std::vector<std::string> arguments,
                   const std::string& optimizer = "random", int evals = 100, int seeds = 1) {
    arguments.emplace_back("--json");
    const answer a = bench(table, std::move(arguments), optimizer, evals, seeds);
    INFO(a.out << a.err);
    REQUIRE(a.code == exit_code::ok);
    return *parse_json(a.out, "output").get_if<json_object>();
}

TEST_CASE("bench table: every optimizer uses every row once, says so, and finds the front") {
    for (const std::string name :
         {"random", "nsga2", "regularized_evolution", "local_search", "surrogate_search",
          "hierarchical"}) {
        INFO(name);
        const auto r = result(small, {"--acc", "acc", "--cost", "ms"}, name, 100, 3);
        CHECK(*r.find("optimizer")->get_if<std::string>() == name);
        CHECK(number(r, "evals") == 100);
        CHECK(number(r, "seeds") == 3);
        CHECK(number(r, "unique") == 15);
        CHECK(number(r, "total") == 15);
        CHECK(*r.find("exhausted")->get_if<bool>());
        CHECK(mean(r, "hv_share") == 1.0);
        CHECK(mean(r, "best_acc") == 90.0);
    }
    CHECK_THAT(bench(small, {"--acc", "acc"}).out, Contains("every row of the table used"));
    const auto part = result(small, {"--acc", "acc", "--cost", "ms"}, "random", 2, 4);
    CHECK(number(part, "total") == 8);
    CHECK_FALSE(*part.find("exhausted")->get_if<bool>());
}

TEST_CASE("table_problem: shares are those worked out by hand") {
    const csv_table table = parse_csv(small, "small.csv");
    const auto rows = [&](const table_problem& p, std::initializer_list<std::size_t> which) {
        std::vector<genotype> g;
        for (const auto r : which) g.push_back((*p.domain().members)[r]);
        return p.score(g);
    };
    // Volume of the front up to (60, 8): ba 10 x 6, and 18 x 4 above it; aa lies on the border.
    const table_problem two(table, {.accuracy = "acc", .cost = "ms"});
    CHECK(rows(two, {0, 1, 2}).hypervolume_share == 1.0);
    CHECK(rows(two, {2}).hypervolume_share == Approx(10.0 * 6 / (10 * 6 + 18 * 4)));
    CHECK(rows(two, {2, 2}).unique == 1);
    CHECK(rows(two, {2, 2}).total == 2);
    const table_problem farther(
        table, {.accuracy = "acc", .cost = "ms", .reference_accuracy = 50, .reference_cost = 9});
    CHECK(rows(farther, {0}).hypervolume_share == Approx(40.0 / (20 * 7 + 18 * 5 + 2 * 1)));
    // One objective; what is found by acc is scored by final.
    const table_problem reported(table, {.accuracy = "acc", .report = "final"});
    CHECK(reported.objectives() == 1);
    CHECK(rows(reported, {0, 1}).best_accuracy == 91.0);
    CHECK(rows(reported, {0, 1}).hypervolume_share == Approx((91.0 - 61) / (93 - 61)));
    CHECK_FALSE(rows(reported, {}).best_accuracy);
    CHECK(rows(reported, {}).hypervolume_share == 0.0);
    // A front on the border of the reference leaves nothing to miss.
    const table_problem flat(parse_csv("arch,acc\nx,5\ny,5\n", "flat.csv"), {.accuracy = "acc"});
    CHECK(rows(flat, {1}).hypervolume_share == 1.0);
}

TEST_CASE("table_problem: genes are the characters that occur, and only rows are members") {
    const table_problem p(parse_csv(small, "small.csv"), {.accuracy = "acc", .cost = "ms"});
    REQUIRE(p.domain().axes.size() == 2);
    CHECK(p.domain().axes[0].options == std::vector<std::string>{"a", "b"});
    CHECK(p.domain().axes[1].options == std::vector<std::string>{"a", "b", "c"});
    CHECK(p.domain().axes[0].kind == axis_kind::categorical);
    CHECK(p.rows() == 5);
    const outcome o = p.evaluate({7, genotype{{1, 1}}});
    CHECK(o.id == 7);
    CHECK(o.objectives == std::vector<double>{-60.0, 6.0});
    CHECK(o.violation == 0.0);
    CHECK_THROWS_WITH(p.evaluate({1, genotype{{1, 2}}}), Contains("1.2 is not in the table"));
}

TEST_CASE("bench table: limits") {
    const auto r = result(small, {"--limit", "ms<=6", "--acc", "acc", "--cost", "ms", "--limit",
                                  " mb <= 3 "});
    CHECK(mean(r, "best_acc") == 70.0);
    CHECK(mean(r, "hv_share") == 1.0);
    const answer none = bench(small, {"--acc", "acc", "--limit", "ms<=1"});
    CHECK(none.code == exit_code::infeasible);
    CHECK_THAT(none.err, Contains("ms<=1") && Contains("'ba' comes nearest"));
    // Feasible rows exist, but one evaluation may miss them: then there is no best accuracy.
    const auto missed = result(small, {"--acc", "acc", "--limit", "ms<=2"}, "random", 1, 20);
    CHECK(missed.find("best_acc")->is_null());
    CHECK(mean(missed, "hv_share") < 1.0);
    for (const char* text : {"ms<2", "ms<=fast", "<=3", "ms<=nan", "ms<="}) {
        INFO(text);
        const answer a = bench(small, {"--acc", "acc", "--limit", text});
        CHECK(a.code == exit_code::bad_input);
        CHECK_THAT(a.err, Contains(text));
    }
}

TEST_CASE("bench table: what is wrong with a table is said with its place") {
    const auto problem = [](const std::string& table, std::vector<std::string> arguments) {
        const answer a = bench(table, std::move(arguments));
        CHECK(a.code == exit_code::bad_input);
        CHECK(a.out.empty());
        return a.err;
    };
    CHECK_THAT(problem(small, {"--acc", "acx"}), Contains("no column 'acx'"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--cost", "mss"}), Contains("did you mean 'ms'"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--report", "fin"}), Contains("no column 'fin'"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--limit", "kb<=1"}), Contains("no column 'kb'"));
    CHECK_THAT(problem("code,acc\na,1\n", {"--acc", "acc"}), Contains("no column 'arch'"));
    CHECK_THAT(problem("arch,acc\na,1\nb,good\n", {"--acc", "acc"}),
               Contains("line 3, column 'acc'") && Contains("'good'"));
    CHECK_THAT(problem("arch,acc\na,1\nb,nan\n", {"--acc", "acc"}), Contains("line 3"));
    CHECK_THAT(problem("arch,acc\na,1\nb,\n", {"--acc", "acc"}), Contains("the cell is empty"));
    CHECK_THAT(problem("arch,acc\nab,1\nba,2\nab,3\n", {"--acc", "acc"}),
               Contains("line 4") && Contains("repeats") && Contains("line 2"));
    CHECK_THAT(problem("arch,acc\nab,1\nabc,2\n", {"--acc", "acc"}),
               Contains("line 3") && Contains("has 3 characters"));
    CHECK_THAT(problem("arch,acc\n", {"--acc", "acc"}), Contains("no rows"));
    CHECK_THAT(problem("arch,acc\n\"\",1\n", {"--acc", "acc"}), Contains("code is empty"));
    CHECK_THAT(problem("arch,acc\n|none~0|+|none~0|none~1|+|pool~0|none~1|none~2|,1\n",
                       {"--acc", "acc"}),
               Contains("line 2, column 'arch'") && Contains("'pool'"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--ref-cost", "9"}), Contains("has no cost"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--ref-acc", "95"}), Contains("reference"));
    CHECK_THAT(problem(small, {"--acc", "acc", "--ref-acc", "nan"}), Contains("finite"));
}

TEST_CASE("bench table: the command line is checked") {
    CHECK(bench(small, {"--acc", "acc"}, "random", 0).code == exit_code::bad_input);
    CHECK(bench(small, {"--acc", "acc"}, "random", 5, 0).code == exit_code::bad_input);
    CHECK_THAT(bench(small, {"--acc", "acc"}, "nsga3").err, Contains("did you mean 'nsga2'"));
    CHECK(bench(small, {"--cost", "ms"}).code == exit_code::bad_input);
    const answer json = bench(small, {"--acc", "nothing", "--json"});
    CHECK(json.code == exit_code::bad_input);
    CHECK_THAT(json.out, Contains("\"exit_code\":2"));
}

TEST_CASE("NAS-Bench-201: members as published, read in less than 50 ms") {
    if (!fs::exists(nb201)) {
        WARN("skipped: ../shared/data/nb201 is not there");
        return;
    }
    double best_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const table_problem p(read_csv(nb201),
                              {.accuracy = "cifar10_acc",
                               .cost = "latency_ms_gold_6226",
                               .reference_accuracy = 50,
                               .reference_cost = 20.4});
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - start;
        best_ms = std::min(best_ms, took.count());
        if (i > 0) continue;
        CHECK(p.rows() == 15625);
        CHECK(p.domain().axes.size() == 6);
        const auto all = p.score(*p.domain().members);
        CHECK(all.hypervolume_share == 1.0);
        CHECK(all.best_accuracy == 94.3733);
        CHECK(all.exhausted);
        random_search random(p.domain());
        const auto some = run_on_table(p, random, 150, 7);
        CHECK(some.unique == 150);
        CHECK(some.total == 150);
        CHECK((some.hypervolume_share > 0.85 && some.hypervolume_share < 1.0));
    }
    INFO("read in " << best_ms << " ms");
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(best_ms < 50.0);
#endif
}

}  // namespace
}  // namespace lathe::cli
