// SPDX-License-Identifier: Apache-2.0
#include "lathe/cli/command_line.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <ostream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "format/utf8.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/core/version.hpp"

namespace lathe::cli {
namespace {

int code_of(errc code) {
    switch (code) {
        case errc::bad_input:
        case errc::shape:
        case errc::unsupported:
        case errc::io:
            return exit_code::bad_input;
        case errc::infeasible:
            return exit_code::infeasible;
        case errc::not_calibrated:
        case errc::numeric:
        case errc::internal:
            break;
    }
    return exit_code::internal_error;
}

/// Everything that the options set.
struct options {
    search_arguments search;
    bench_table_arguments bench;
    bool json = false;
    std::string file;
    std::string preset;
    std::string member;
    std::int64_t members = 5;
    std::uint64_t seed = 1;
};

using command = std::function<int(const options&, std::ostream&, progress&)>;

/// The parser, and the command that it found.
class parser {
public:
    parser() : app_("Neural architecture search under hard limits.", "lathe") {
        app_.set_version_flag("--version", std::string(version));
        app_.require_subcommand(1);
        add_search();
        add_spec();
        add_space();
        add_bench();
        CLI::App* doctor = app_.add_subcommand("doctor", "describe this machine and its noise");
        on(doctor,
           [](const options&, std::ostream& out, progress&) { return doctor_command(out); });
    }

    [[nodiscard]] CLI::App& app() { return app_; }
    [[nodiscard]] const options& given() const { return given_; }
    [[nodiscard]] const command& chosen() const { return chosen_; }

private:
    void on(CLI::App* sub, command run) {
        sub->callback([this, run = std::move(run)] { chosen_ = run; });
    }

    void add_json(CLI::App* sub) {
        sub->add_flag("--json", given_.json,
                      "progress and result as JSON lines on standard output");
    }

    void add_search() {
        CLI::App* search = app_.add_subcommand("search", "train, search, choose and export");
        search->add_option("SPEC", given_.search.spec, "specification (JSON)")->required();
        search->add_option("--out", given_.search.folder, "new folder for the results")->required();
        search
            ->add_option("--threads", given_.search.threads, "threads for training and evaluation")
            ->check(CLI::Range(1, 4096));
        add_json(search);
        on(search, [](const options& o, std::ostream& out, progress& show) {
            return search_command(o.search, out, show);
        });
        CLI::App* resume = app_.add_subcommand("resume", "continue an interrupted search");
        resume->add_option("DIR", given_.search.folder, "folder of the study")->required();
        add_json(resume);
        on(resume, [](const options& o, std::ostream& out, progress& show) {
            return resume_command(o.search.folder, out, show);
        });
    }

    void add_spec() {
        CLI::App* spec = app_.add_subcommand("spec", "specifications");
        spec->require_subcommand(1);
        CLI::App* check = spec->add_subcommand("check", "say what is wrong with a specification");
        check->add_option("FILE", given_.file, "specification (JSON)")->required();
        on(check, [](const options& o, std::ostream& out, progress&) {
            return check_spec_command(o.file, out);
        });
    }

    void add_space() {
        CLI::App* space = app_.add_subcommand("space", "search spaces");
        space->require_subcommand(1);
        const auto add = [&](const char* name, const char* help) {
            CLI::App* sub = space->add_subcommand(name, help);
            sub->add_option("PRESET", given_.preset, "mobile28, mobile32, cell32 or chain28")->required();
            return sub;
        };
        on(add("count", "number of members"), [](const options& o, std::ostream& out, progress&) {
            return count_space_command(o.preset, out);
        });
        CLI::App* sample = add("sample", "members drawn uniformly");
        sample->add_option("-n,--members", given_.members, "how many")
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}))
            ->capture_default_str();
        sample->add_option("--seed", given_.seed, "seed")
            ->check(CLI::NonNegativeNumber)
            ->capture_default_str();
        on(sample, [](const options& o, std::ostream& out, progress&) {
            return sample_space_command(o.preset, o.members, o.seed, out);
        });
        CLI::App* show = add("show", "axes, or the layers of one member");
        show->add_option("--member", given_.member, "genotype, for example from 'space sample'");
        on(show, [](const options& o, std::ostream& out, progress&) {
            return show_space_command(o.preset, o.member, out);
        });
    }

    void add_bench() {
        CLI::App* bench = app_.add_subcommand("bench", "benchmarks of search strategies");
        bench->require_subcommand(1);
        CLI::App* table = bench->add_subcommand("table", "run an optimizer on a benchmark table");
        bench_table_arguments& to = given_.bench;
        table->add_option("FILE", to.file, "table (CSV) with the column 'arch'")->required();
        table->add_option("--acc", to.goals.accuracy, "column to maximise")->required();
        table->add_option("--cost", to.goals.cost, "column to minimise");
        table->add_option("--report", to.goals.report,
                          "column that scores what was found (default: --acc)");
        table->add_option("--limit", to.goals.limits, "'COLUMN<=NUMBER'; may be repeated")
            ->allow_extra_args(false);
        table->add_option("--optimizer", to.optimizer, "search strategy")->required();
        table->add_option("--evals", to.evaluations, "evaluations of a run")
            ->required()
            ->check(CLI::Range(1, 1000000000));
        table->add_option("--seeds", to.seeds, "runs, with the seeds 1, 2, ...")
            ->required()
            ->check(CLI::Range(1, 1000000));
        table->add_option("--ref-acc", to.goals.reference_accuracy,
                          "accuracy where the hypervolume ends (default: the worst)");
        table->add_option("--ref-cost", to.goals.reference_cost,
                          "cost where the hypervolume ends (default: the worst)");
        table->add_flag("--json", given_.json, "result as JSON on standard output");
        on(table, [](const options& o, std::ostream& out, progress&) {
            bench_table_arguments arguments = o.bench;
            arguments.json = o.json;
            return bench_table_command(arguments, out);
        });
    }

    CLI::App app_;
    options given_;
    command chosen_;
};

/// CLI11 does not say which command it did not know.
void check_command(const std::vector<std::string>& arguments) {
    static constexpr std::string_view commands[] = {"search", "resume", "spec",
                                                     "space",  "bench",  "doctor"};
    if (arguments.empty() || arguments[0].starts_with('-')) return;
    if (std::ranges::find(commands, arguments[0]) != std::end(commands)) return;
    const std::string_view near = nearest_name(arguments[0], commands);
    throw error(errc::bad_input, "command line", "there is no command '" + arguments[0] + "'",
                near.empty() ? "see 'lathe --help'" : fmt::format("did you mean '{}'?", near));
}

int tell(std::ostream& err, int code, std::string_view message) {
    err << "lathe: " << message << '\n';
    return code;
}

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err,
        bool terminal) {
    parser parse;
    try {
        check_command(arguments);
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        parse.app().parse(std::move(reversed));
    } catch (const error& e) {
        return tell(err, code_of(e.code()), e.what());
    } catch (const CLI::ParseError& e) {
        return parse.app().exit(e, out, err) == 0 ? exit_code::ok : exit_code::bad_input;
    }
    const bool json = parse.given().json;
    const progress_style style = json       ? progress_style::json
                                 : terminal ? progress_style::terminal
                                            : progress_style::lines;
    progress show(json ? out : err, style);
    const auto ended = [&](int code, std::string_view message) {
        show.leave_line();
        show.event(
            {{"event", "error"}, {"exit_code", code}, {"message", detail::made_utf8(message)}});
        return json ? code : tell(err, code, message);
    };
    try {
        return parse.chosen()(parse.given(), out, show);
    } catch (const error& e) {
        return ended(code_of(e.code()), e.what());
    } catch (const interruption& e) {
        return ended(exit_code::interrupted, e.what());
    } catch (const std::filesystem::filesystem_error& e) {
        return ended(exit_code::bad_input,
                     e.path1().string() + ": cannot be used: " + e.code().message());
    } catch (const std::exception& e) {
        return ended(exit_code::internal_error, e.what());
    }
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, std::ostream& out,
                     std::ostream& err, bool terminal) {
    const int code = run(arguments, out, err, terminal);
    if (out.flush() || code != exit_code::ok) return code;
    return tell(
        err, exit_code::bad_input,
        "standard output: not all could be written; is the disk full? What the command wrote "
        "into files is complete");
}

}  // namespace lathe::cli
