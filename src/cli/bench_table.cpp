// SPDX-License-Identifier: Apache-2.0
// lathe bench table: search strategies on tables of known results.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <ostream>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "lathe/cli/command_line.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/run_parallel.hpp"
#include "lathe/core/text.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/json.hpp"
#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"

namespace lathe::cli {
namespace {

using runner =
    std::function<table_score(const table_problem&, std::size_t evaluations, std::uint64_t seed)>;

struct named_runner {
    std::string_view name;
    runner run;
};

/// With the defaults of the release.
template <class O, class Options>
runner run_with(std::size_t batch) {
    return [batch](const table_problem& problem, std::size_t evaluations, std::uint64_t seed) {
        Options options;
        options.seed = seed;
        O optimizer(problem.domain(), options);
        return run_on_table(problem, optimizer, evaluations, batch);
    };
}

/// Three levels with equal shares of the evaluations.
table_score run_levels(const table_problem& problem, std::size_t evaluations, std::uint64_t seed) {
    constexpr std::size_t batch = 8;
    const std::size_t each = std::max<std::size_t>(1, evaluations / 3);
    hierarchical_search optimizer(problem.domain(), {.seed = seed, .budgets = {each, each}});
    return run_on_table(problem, optimizer, evaluations, batch);
}

std::vector<named_runner> runners() {
    return {
        {"random", run_with<random_search, random_search_options>(1)},
        {"nsga2", run_with<nsga2, nsga2_options>(nsga2_options{}.population)},
        {"regularized_evolution", run_with<regularized_evolution, regularized_evolution_options>(1)},
        {"local_search", run_with<local_search, local_search_options>(1)},
        {"surrogate_search", run_with<surrogate_search, surrogate_search_options>(1)},
        {"hierarchical", run_levels},
    };
}

runner runner_of(std::string_view name) {
    std::vector<std::string_view> known;
    for (const auto& [known_name, run] : runners()) {
        if (known_name == name) return run;
        known.push_back(known_name);
    }
    const std::string_view near = nearest_name(name, known);
    throw error(errc::bad_input, "--optimizer", fmt::format("there is no '{}'", name),
                near.empty() ? fmt::format("use one of {}", fmt::join(known, ", "))
                             : fmt::format("did you mean '{}'?", near));
}

struct spread {
    double mean = 0.0;
    double sd = 0.0;  ///< of a sample; 0 for one run
};

spread spread_of(const std::vector<double>& values) {
    const auto n = static_cast<double>(values.size());
    // About the first value, so that equal values have exactly this mean and no spread.
    double beyond = 0.0;
    for (const double v : values) beyond += v - values.front();
    spread s;
    s.mean = values.front() + beyond / n;
    double squares = 0.0;
    for (const double v : values) squares += (v - s.mean) * (v - s.mean);
    if (values.size() > 1) s.sd = std::sqrt(squares / (n - 1.0));
    return s;
}

/// All runs together.
struct summary {
    spread share;
    std::optional<spread> accuracy;  ///< none if a run found nothing feasible
    std::size_t unique = 0;
    std::size_t total = 0;
    bool exhausted = true;
};

summary summary_of(const std::vector<table_score>& runs) {
    summary all;
    std::vector<double> shares, accuracies;
    for (const table_score& run : runs) {
        shares.push_back(run.hypervolume_share);
        if (run.best_accuracy) accuracies.push_back(*run.best_accuracy);
        all.unique += run.unique;
        all.total += run.total;
        all.exhausted = all.exhausted && run.exhausted;
    }
    all.share = spread_of(shares);
    if (accuracies.size() == runs.size()) all.accuracy = spread_of(accuracies);
    return all;
}

json_value json_of(const std::optional<spread>& s) {
    if (!s) return nullptr;
    return json_object{{"mean", s->mean}, {"sd", s->sd}};
}

json_object json_of(const bench_table_arguments& arguments, const summary& all) {
    return {{"optimizer", arguments.optimizer}, {"evals", arguments.evaluations},
            {"seeds", arguments.seeds},         {"hv_share", json_of(all.share)},
            {"best_acc", json_of(all.accuracy)}, {"unique", all.unique},
            {"total", all.total},               {"exhausted", all.exhausted}};
}

std::string text_of(const bench_table_arguments& arguments, const summary& all) {
    std::string text =
        fmt::format("{}: {} runs of {} evaluations\nhypervolume  {:.4f} of the exact front's (sd "
                    "{:.4f})\n",
                    arguments.optimizer, arguments.seeds, arguments.evaluations, all.share.mean,
                    all.share.sd);
    text += all.accuracy ? fmt::format("best {}  {:.4f} (sd {:.4f})\n",
                                       arguments.goals.report.empty() ? arguments.goals.accuracy
                                                                      : arguments.goals.report,
                                       all.accuracy->mean, all.accuracy->sd)
                         : std::string("best accuracy  none: a run found no row within the limits\n");
    text += fmt::format("evaluations  {}, {} of them different within their run\n", all.total,
                        all.unique);
    if (all.exhausted) text += "the runs ended with every row of the table used\n";
    return text;
}

}  // namespace

int bench_table_command(const bench_table_arguments& arguments, std::ostream& out) {
    const runner run = runner_of(arguments.optimizer);
    const table_problem problem(read_csv(arguments.file), arguments.goals);
    std::vector<table_score> runs(arguments.seeds);
    detail::run_parallel(runs.size(), std::max(1U, std::thread::hardware_concurrency()),
                         [&](std::size_t, std::size_t i) {
                             runs[i] = run(problem, arguments.evaluations, i + 1);
                         });
    const summary all = summary_of(runs);
    if (arguments.json) {
        out << to_json(json_of(arguments, all)) << '\n';
    } else {
        out << text_of(arguments, all);
    }
    return exit_code::ok;
}

}  // namespace lathe::cli
