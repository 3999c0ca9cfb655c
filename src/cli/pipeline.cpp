// SPDX-License-Identifier: Apache-2.0
#include "cli/pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <optional>
#include <stop_token>
#include <type_traits>

#include <fmt/format.h>

#include "cli/interrupt.hpp"
#include "cli/judging.hpp"
#include "cli/strategy.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/cost_model/analytic.hpp"
#include "lathe/cost_model/measured_latency.hpp"
#include "lathe/cost_model/program_cost.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/network_timing.hpp"
#include "lathe/format/file.hpp"

namespace lathe::cli {
namespace {

training_point point_of(const training_progress& p) {
    return {p.seconds / 60.0, p.accuracy_first, p.accuracy_last};
}

/// As a POSIX shell reads it back.
std::string shell_word(const std::string& text) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
    if (text.find_first_not_of(plain) == std::string::npos) return text;
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

interruption interruption_of(const study_folder& folder, std::string_view phase) {
    return interruption(fmt::format("{} was interrupted; continue with: lathe resume {}", phase,
                                    shell_word(folder.path().string())));
}

/// Points of this session follow those of earlier ones that are not repeated.
class training_curve {
public:
    explicit training_curve(const study_folder& folder)
        : folder_(folder), points_(folder.read_training()) {}

    void add(const training_progress& p) {
        if (p.share_done < next_share_) return;
        next_share_ = std::min(p.share_done + 1.0 / 200.0, 1.0);
        const training_point now = point_of(p);
        while (!points_.empty() && points_.back().minutes >= now.minutes) points_.pop_back();
        points_.push_back(now);
        if (now.minutes < written_ + 1.0) return;
        folder_.write_training(points_);  // what a kill leaves
        written_ = now.minutes;
    }
    std::vector<training_point> finish() {
        folder_.write_training(points_);
        return points_;
    }

private:
    const study_folder& folder_;
    std::vector<training_point> points_;
    double next_share_ = 0.0;
    double written_ = 0.0;  ///< minutes
};

}  // namespace

preset_space space_for(const search_spec& spec, const search_images& images) {
    const auto text = [](const image_shape& s) {
        return fmt::format("{} x {} x {}", s.height, s.width, s.channels);
    };
    const image_shape wanted = preset_space(spec.preset).images();
    if (images.shape() != wanted) {
        throw error(errc::bad_input, "space.preset",
                    fmt::format("{} is for images of {}, the data has {}", spec.preset, text(wanted),
                                text(images.shape())),
                    "choose another preset or other data");
    }
    return preset_space(spec.preset, images.classes());
}

training_settings settings_for(const training_plan& plan, int threads,
                               std::uint64_t steps_per_epoch) {
    training_settings s;
    s.seconds = 60.0 * plan.minutes;
    s.steps = plan.steps;
    if (plan.epochs > 0.0) {
        s.steps = std::max<std::int64_t>(
            1, std::llround(plan.epochs * static_cast<double>(steps_per_epoch)));
    }
    s.threads = threads;
    s.seed = plan.seed;
    s.precision = plan.precision;
    s.memory = plan.memory;
    s.others = plan.distillation ? teaching::distillation : teaching::labels;
    const auto set = [](auto& into, const std::optional<double>& value) {
        if (value) into = static_cast<std::remove_reference_t<decltype(into)>>(*value);
    };
    set(s.learning_rate, plan.learning_rate);
    set(s.matrix_rate, plan.matrix_rate);
    set(s.warm_up, plan.warm_up);
    set(s.ends_alone, plan.ends_alone);
    set(s.small_images, plan.small_images);
    set(s.momentum, plan.momentum);
    set(s.weight_decay, plan.weight_decay);
    set(s.label_smoothing, plan.label_smoothing);
    set(s.clip_norm, plan.clip_norm);
    return s;
}

void check_measurable(const search_goals& goals) {
    std::vector<metric_id> provided = supernet_evaluator::metrics();
    detail::append(provided, analytic_cost::metrics());
    detail::append(provided, memory_metrics::ids());
    detail::append(provided, latency_metrics::ids());
    detail::check_provided(goals, provided);
}

std::int64_t training_memory_of(const search_spec& spec, const preset_space& space, int threads) {
    auto nets = space.sampler(0)(rng(spec.training.seed));
    std::ranges::move(space.with_all_weights(), std::back_inserter(nets));
    return training_memory(nets, spec.training.batch, settings_for(spec.training, threads, 1));
}

void check_training(const search_spec& spec, const search_images& images, int threads) {
    const preset_space space = space_for(spec, images);
    try {
        static_cast<void>(images.training(spec.training.batch, spec.training.seed));
    } catch (const error& e) {
        throw error(e.code(), "training.batch", e.problem(), e.remedy());
    }
    if (spec.training.memory == 0) return;
    const std::int64_t needed = training_memory_of(spec, space, threads);
    if (needed <= spec.training.memory) return;
    throw error(errc::bad_input, "training.memory",
                fmt::format("a step on {} images takes {}, {} are allowed", spec.training.batch,
                            format_bytes(static_cast<double>(needed)),
                            format_bytes(static_cast<double>(spec.training.memory))),
                "lower training.batch or allow more");
}

std::vector<training_point> train(const search_spec& spec, const preset_space& space,
                                  const search_images& images, const study_folder& folder,
                                  int threads, weight_store& weights, progress& show) {
    const batch_reader data = images.training(spec.training.batch, spec.training.seed);
    training_settings settings = settings_for(spec.training, threads, data.steps_per_epoch());
    settings.checkpoint = folder.checkpoint();
    training_curve curve(folder);
    const interrupt_watch ctrl_c;
    std::stop_source stop;
    show.begin("training");
    const auto probe = [&](const training_progress& p) {
        if (ctrl_c.seen()) stop.request_stop();
        curve.add(p);
        show.update(p.share_done,
                    fmt::format("epoch {:.1f}, accuracy on training batches {:.1f} % (largest), "
                                "{:.1f} % (smallest)",
                                p.epoch, 100.0 * p.accuracy_first, 100.0 * p.accuracy_last),
                    seconds_left(p.seconds, p.share_done));
    };
    const training_report report = train_supernet(
        weights, space.sampler(spec.training.random_members), data, settings, probe,
        stop.get_token());
    std::vector<training_point> points = curve.finish();
    if (ctrl_c.seen()) throw interruption_of(folder, "the training");
    // Of an earlier session where this one had nothing left to train.
    const training_point last = points.empty() ? training_point{} : points.back();
    show.end(
        fmt::format("{} steps in {}, accuracy on training batches {:.1f} % (largest), "
                    "{:.1f} % (smallest)",
                    report.last.step, duration_text(report.last.seconds),
                    100.0 * last.largest_accuracy, 100.0 * last.smallest_accuracy));
    return points;
}

search_result search(const search_parts& parts, const search_spec& spec, any_store store,
                     progress& show) {
    strategy chosen(spec.search, domain_of(parts.space));
    any_optimizer optimizer = chosen.any();
    any_evaluator judge = parts.judge;
    std::array<any_cost_model, 3> models = parts.models;
    study s(parts.space, judge, optimizer, spec.goals,
            {.batch = static_cast<std::size_t>(spec.search.batch),
             .reference = parts.reference,
             .judge = parts.judge_content},
            models[0], models[1], models[2]);
    s.keep_in(store);

    auto ctrl_c = std::make_optional<interrupt_watch>();
    show.begin("search");
    const auto start = std::chrono::steady_clock::now();
    const auto budget = static_cast<std::size_t>(spec.search.evaluations);
    std::size_t replayed = 0;
    const auto probe = [&](const step_record& r) {
        const std::size_t done = r.evaluated + r.failed;
        if (r.replayed == r.trials) replayed = done;  // these took no time
        const double elapsed =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const double pace_share = static_cast<double>(done - replayed) /
                                  static_cast<double>(std::max<std::size_t>(budget - replayed, 1));
        show.update(
            static_cast<double>(done) / static_cast<double>(budget),
            fmt::format("{} of {} networks measured, {} refused, {} failed, {} on the front{}", done,
                        budget, r.refused, r.failed, r.front,
                        r.levels.empty() ? std::string()
                                         : fmt::format(", level {} of {}", r.levels.size(),
                                                       spec.search.levels)),
            seconds_left(elapsed, pace_share));
        return ctrl_c->seen() ? next_step::stop : next_step::go_on;
    };
    const stop_reason why = s.run({.evaluations = budget}, probe);
    const bool stopped = ctrl_c->seen();
    ctrl_c.reset();  // a choice that is cut off is made anew by resume
    const study_ledger& ledger = s.ledger();
    if (stopped) return {ledger, {}, stop_reason::requested, optimizer.levels()};
    show.end(fmt::format("{} networks measured, {} refused, {} failed, {} on the front",
                         ledger.count(trial_status::evaluated), ledger.count(trial_status::refused),
                         ledger.count(trial_status::failed), ledger.front_size()));

    show.begin("choice");
    any_cost_model fresh = parts.fresh;
    auto choices = s.choose(fresh, {.attempts = static_cast<std::size_t>(spec.search.attempts)});
    show.end(fmt::format("{} of {} scenarios",
                         std::ranges::count_if(choices, &scenario_choice::chosen), choices.size()));
    return {ledger, std::move(choices), why, optimizer.levels()};
}

timing_options timing_for(std::int32_t samples, std::size_t networks) {
    constexpr double seconds_for_each = 75.0;
    timing_options options;
    options.max_seconds =
        std::max(options.max_seconds, seconds_for_each * static_cast<double>(networks));
    options.samples = samples;
    options.rounds = std::min(options.rounds, samples);
    return options;
}

fingerprint machine_and_libraries() {
    fingerprint machine = this_machine();
    machine.libraries.push_back(engine_library());
    return machine;
}

namespace {

/// Of what measured times depend on. A new kernel does not make them worthless.
hash64 machine_key() {
    fingerprint machine = machine_and_libraries();
    machine.os.clear();
    return hash_of(machine);
}

}  // namespace

search_report run_main_job(const main_job& job, search_images& images, log_store& store,
                           progress& show) {
    const preset_space space = space_for(job.spec, images);
    weight_store weights(job.spec.training.seed);
    for (const network& net : space.with_all_weights()) weights.add(net);
    const auto training = train(job.spec, space, images, job.folder, job.threads, weights, show);

    supernet_judge judge(job.spec, images, weights, job.threads);

    analytic_cost size;
    program_cost memory(compile);
    const auto timer = [](std::int32_t samples) {
        return [samples](std::span<const network> nets, const deployment& d) {
            return time_networks(nets, d, timing_for(samples, nets.size()));
        };
    };
    measured_latency latency(timer(job.spec.search.samples));
    fresh_latency fresh(timer(job.spec.search.final_samples));
    const search_parts parts{
        space.any(),
        judge.any(),
        {any_cost_model(size), any_cost_model(memory), any_cost_model(latency)},
        any_cost_model(fresh),
        space.largest(),
        hasher().add(judge.content()).add(machine_key()).value()};
    search_result found = search(parts, job.spec, any_store(store), show);
    if (found.why == stop_reason::requested) throw interruption_of(job.folder, "the search");
    found.stages = judge.report();

    search_report report = finish(job.spec, space, images, job.folder, job.threads, weights,
                                  judge.exact(), found, show);
    report.training = training;
    write_report(job.folder, report, found.ledger);
    show.end("report written to " + job.folder.path().string());
    return report;
}

}  // namespace lathe::cli
