// SPDX-License-Identifier: Apache-2.0
// From choices to files: test accuracy, ONNX, report.
#include <fmt/format.h>

#include "cli/pipeline.hpp"
#include "lathe/core/text.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/export/onnx.hpp"
#include "lathe/format/file.hpp"
#include "lathe/search/event_json.hpp"

namespace lathe::cli {
namespace {

constexpr int step_repeats = 100;
constexpr std::int32_t test_batch = 100;

/// A member with its own statistics, ready to be run.
struct ready_member {
    network net;
    calibrated_statistics statistics;
};

ready_member make_ready(const any_space& space, supernet_evaluator& judge, const genotype& g) {
    network net = space.lower(g);
    calibrated_statistics statistics = judge.calibrate(net);
    return {std::move(net), std::move(statistics)};
}

estimate test_accuracy(const ready_member& m, const weight_store& weights, image_batches& test,
                       int threads) {
    return top1_accuracy(m.net, weights.reader(), m.statistics, test, test.size(), test_batch,
                         threads);
}

template <class T>
std::string numbers_text(const std::vector<T>& values) {
    return fmt::format("{}", fmt::join(values, " "));
}

onnx_options onnx_options_for(const search_spec& spec, const search_images& images,
                              const scenario_report& s, const scenario& goal,
                              const std::string& description) {
    json_array metrics;
    for (const metric_estimate& m : s.choice.member->metrics) metrics.push_back(to_json_value(m));
    const fingerprint machine = machine_and_libraries();
    onnx_options options;
    options.graph_name = goal.name;
    options.description =
        fmt::format("{} from {}, chosen for scenario {}", description, spec.preset, goal.name);
    options.metadata = {
        {"lathe.scenario", goal.name},
        {"lathe.deployment", fmt::format("batch {}, threads {}, streams {}", goal.target.batch,
                                         goal.target.threads, goal.target.streams)},
        {"lathe.space", spec.preset},
        {"lathe.genotype", to_string(s.choice.member->genes)},
        {"lathe.metrics", to_json(metrics)},
        {"lathe.machine", fmt::format("{}; {}; {} cores; {}", machine.cpu, machine.isa,
                                      machine.cores, fmt::join(machine.libraries, ", "))},
        // Input = (byte - mean) / deviation, per channel, after resizing to the network's input.
        {"lathe.input_mean", numbers_text(images.scale().mean)},
        {"lathe.input_deviation", numbers_text(images.scale().deviation)}};
    if (s.test_accuracy && s.test_accuracy->known()) {
        options.metadata["lathe.test_accuracy"] = fmt::format("{}", s.test_accuracy->value);
    }
    return options;
}

/// "67 of 67 networks in the whole space; 64 of 67 in 2 regions (31.2 % of it); 66 in ...".
std::string levels_text(const std::vector<search_level>& levels) {
    std::vector<std::string> parts;
    for (const search_level& l : levels) {
        const std::string of = l.budget > 0 ? fmt::format(" of {}", l.budget) : std::string();
        const std::string where =
            l.share == 1.0 ? std::string("the whole space")
                           : fmt::format("{} region{} ({:.3g} % of it)", l.regions,
                                         l.regions == 1 ? "" : "s", 100.0 * l.share);
        parts.push_back(fmt::format("{}{} networks in {}", l.told, of, where));
    }
    return fmt::format("{}", fmt::join(parts, "; "));
}

/// What the rough stage let pass, and how far its order was that of the exact one.
std::string stages_text(const std::vector<stage_report>& stages) {
    std::vector<std::string> parts;
    for (std::size_t k = 0; k < stages.size(); ++k) {
        const stage_report& s = stages[k];
        parts.push_back(fmt::format("stage {} judged {}, {} failed", k + 1, s.judged, s.failed));
        if (k + 1 == stages.size()) continue;
        parts.back() += fmt::format(", {} went on", s.passed);
        const stage_agreement& order = s.with_next;
        if (order.kendall && order.spearman) {
            parts.back() += fmt::format("; rank correlation with the next stage on {}: Kendall "
                                        "{:.2f}, Spearman {:.2f}",
                                        order.pairs, *order.kendall, *order.spearman);
        }
    }
    return fmt::format("{}", fmt::join(parts, "; "));
}

std::vector<std::pair<std::string, std::string>> facts_of(const search_spec& spec,
                                                          const preset_space& preset,
                                                          const search_images& images,
                                                          int threads,
                                                          const search_result& found) {
    const search_plan& plan = spec.search;
    std::vector<std::pair<std::string, std::string>> facts = {
        {"space", fmt::format("{}, {} members", spec.preset, to_string(preset.any().count()))},
        {"data", images.describe()},
        {"training",
         fmt::format("batches of {}, {} for weights, gradients and feature maps at most",
                     spec.training.batch,
                     format_bytes(static_cast<double>(training_memory_of(spec, preset, threads))))},
        {"search", fmt::format("{}{}, seed {}, ended by: {}",
                               optimizer_names[static_cast<std::size_t>(plan.optimizer)],
                               plan.islands > 1 ? fmt::format(" on {} islands", plan.islands) : "",
                               plan.seed, to_string(found.why))}};
    if (!found.levels.empty()) facts.emplace_back("levels", levels_text(found.levels));
    if (!found.stages.empty()) facts.emplace_back("stages", stages_text(found.stages));
    return facts;
}

}  // namespace

search_report finish(const search_spec& spec, const preset_space& preset, search_images& images,
                     const study_folder& folder, int threads, weight_store& weights,
                     supernet_evaluator& judge, const search_result& found, progress& show) {
    show.begin("finish");
    const any_space space = preset.any();
    search_report report;
    report.title = "Search of " + spec.preset;
    report.facts = facts_of(spec, preset, images, threads, found);
    report.machine = machine_and_libraries();
    report.describe = [space](const genotype& g) { return space.describe(g); };
    report.levels = found.levels;
    report.stages = found.stages;

    image_batches test = images.open_test();
    const auto accuracy_of = [&](const genotype& g) {
        return test_accuracy(make_ready(space, judge, g), weights, test, threads);
    };
    report.largest_test_accuracy = accuracy_of(preset.largest());
    report.smallest_test_accuracy = accuracy_of(preset.smallest());

    for (std::size_t i = 0; i < found.choices.size(); ++i) {
        const scenario& goal = spec.goals.scenarios[i];
        scenario_report s{found.choices[i], "", {}, {}, {}};
        show.update(static_cast<double>(i) / static_cast<double>(found.choices.size()), goal.name,
                    std::nullopt);
        const std::filesystem::path file = folder.onnx(goal.name);
        if (s.choice.member) {
            const ready_member m = make_ready(space, judge, s.choice.member->genes);
            s.test_accuracy = test_accuracy(m, weights, test, threads);
            executor runner(m.net, weights.reader(), m.statistics, goal.target);
            s.compiled = runner.plan();
            s.step_times = runner.time_steps(step_repeats);
            if (s.choice.chosen()) {
                save_onnx(file, m.net, weights.reader(), m.statistics,
                          onnx_options_for(spec, images, s, goal,
                                           space.describe(s.choice.member->genes)));
                s.onnx = file.filename().string();
            }
        }
        // What an earlier session chose and this one does not must not be taken for a result.
        if (!s.choice.chosen()) std::filesystem::remove(file);
        report.scenarios.push_back(std::move(s));
    }
    return report;
}

void write_report(const study_folder& folder, const search_report& report,
                  const study_ledger& ledger) {
    write_file_atomic(folder.path() / "front.csv", front_csv(report, ledger));
    write_file_atomic(folder.path() / "study.json",
                      to_json(study_json(report, ledger), json_style::pretty) + "\n");
    write_file_atomic(folder.path() / "report.html", html_report(report, ledger));
}

}  // namespace lathe::cli
