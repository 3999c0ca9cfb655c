// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/pipeline.hpp"
#include "format/utf8.hpp"
#include "lathe/cli/command_line.hpp"
#include "lathe/constraint/limit.hpp"
#include "lathe/core/error.hpp"

namespace lathe::cli {
namespace {

std::string result_text(const scenario_report& s, const study_folder& folder) {
    const scenario_choice& c = s.choice;
    const std::string word = c.chosen()                        ? "chosen"
                             : c.verdict == verdict::undecided ? "undecided"
                                                               : "infeasible";
    std::string text = fmt::format("{}: {}, {}\n", c.scenario, word, c.explanation);
    if (c.member) {
        for (const limit_result& r : c.limits) {
            text += fmt::format(
                "  {:<40} {}\n", to_string(r.bound),
                r.value.known()
                    ? fmt::format("{}, margin {:+.1f} %",
                                  format_value(r.bound.metric.of, r.value.value), 100.0 * r.margin)
                    : std::string("no value"));
        }
        if (s.test_accuracy && s.test_accuracy->known()) {
            text += fmt::format("  test accuracy {}\n",
                                format_value(quantity::accuracy, s.test_accuracy->value));
        }
    }
    if (!s.onnx.empty()) text += fmt::format("  {}\n", (folder.path() / s.onnx).string());
    return text;
}

std::string text_of(const std::filesystem::path& path) { return detail::made_utf8(path.string()); }

json_object result_json(const search_report& report, const study_folder& folder, int code) {
    json_array scenarios;
    for (const scenario_report& s : report.scenarios) {
        json_object o{{"scenario", s.choice.scenario},
                      {"chosen", s.choice.chosen()},
                      {"explanation", s.choice.explanation}};
        if (!s.onnx.empty()) o.append("onnx", text_of(folder.path() / s.onnx));
        scenarios.emplace_back(std::move(o));
    }
    return {{"event", "result"},
            {"exit_code", code},
            {"folder", text_of(folder.path())},
            {"report", text_of(folder.path() / "report.html")},
            {"scenarios", std::move(scenarios)}};
}

int run_and_tell(const main_job& job, search_images& images, log_store& store, std::ostream& out,
                 progress& show) {
    const search_report report = run_main_job(job, images, store, show);
    int code = exit_code::ok;
    for (const scenario_report& s : report.scenarios) {
        if (!s.choice.chosen()) code = exit_code::infeasible;
        if (show.style() != progress_style::json) out << result_text(s, job.folder);
    }
    if (show.style() == progress_style::json) {
        show.event(result_json(report, job.folder, code));
    } else {
        out << fmt::format("report: {}\n", (job.folder.path() / "report.html").string());
    }
    return code;
}

/// A relative path counts from the working folder, or from the specification's where only that has it.
std::filesystem::path located(const std::filesystem::path& data, const std::filesystem::path& spec) {
    const std::filesystem::path beside = spec.parent_path() / data;
    return std::filesystem::absolute(!exists(data) && exists(beside) ? beside : data);
}

main_job make_job(search_spec spec, const study_folder& folder) {
    const int threads = spec.training.threads > 0 ? spec.training.threads : this_machine().cores;
    return {std::move(spec), folder, threads};
}

search_spec read_checked(const json_value& text, const std::string& file) {
    search_spec spec = read_spec(text, file);
    naming(file, [&] { check_measurable(spec.goals); });
    return spec;
}

}  // namespace

int search_command(const search_arguments& arguments, std::ostream& out, progress& show) {
    const json_value text = read_json(arguments.spec);
    const study_folder folder(arguments.folder);
    search_spec spec = read_checked(text, arguments.spec);
    // Absolute, so that the study can be resumed from any folder.
    if (!spec.data.path.empty()) spec.data.path = located(spec.data.path, arguments.spec);
    if (arguments.threads > 0) spec.training.threads = arguments.threads;
    const main_job job = make_job(std::move(spec), folder);
    // Everything that can be wrong with the input is found before the folder is made.
    search_images images =
        naming(arguments.spec, [&] { return search_images(job.spec.data); });
    naming(arguments.spec, [&] { check_training(job.spec, images, job.threads); });
    log_store store = folder.create(text, job.spec.data.path, job.threads);
    return run_and_tell(job, images, store, out, show);
}

int resume_command(const std::string& path, std::ostream& out, progress& show) {
    const study_folder folder(path);
    const json_value text = folder.read_spec();
    const main_job job = make_job(read_checked(text, folder.spec().string()), folder);
    log_store store = folder.resume();
    search_images images(job.spec.data);
    return run_and_tell(job, images, store, out, show);
}

int check_spec_command(const std::string& file, std::ostream& out) {
    const search_spec spec = read_checked(read_json(file), file);
    out << fmt::format("{}: fine; {} scenario{}, {} evaluations by {} on {}\n", file,
                       spec.goals.scenarios.size(), spec.goals.scenarios.size() == 1 ? "" : "s",
                       spec.search.evaluations,
                       optimizer_names[static_cast<std::size_t>(spec.search.optimizer)], spec.preset);
    return exit_code::ok;
}

}  // namespace lathe::cli
