// SPDX-License-Identifier: Apache-2.0
#include "cli/spec.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "lathe/constraint/limit.hpp"
#include "lathe/core/error.hpp"
#include "lathe/format/json_reader.hpp"

namespace lathe::cli {
namespace {

constexpr std::int64_t many = 1'000'000'000;

/// The value of an optional number, checked against its range.
template <class T>
void read(json_reader& reader, std::string_view key, T& into, T low, T high) {
    if (const auto value = reader.find(key)) into = value->template as<T>(low, high);
}
template <class T>
void read(json_reader& reader, std::string_view key, std::optional<T>& into, T low, T high) {
    if (const auto value = reader.find(key)) into = value->template as<T>(low, high);
}

/// Numbers above 0 need not be written as a range that excludes its end.
constexpr double positive = std::numeric_limits<double>::min();

augmentation default_changes(data_format format) {
    switch (format) {
        case data_format::cifar10:
            return {.shift = 4, .flip = mirror::half_of_all, .cutout = 8};
        case data_format::idx:
        case data_format::glyphs:
            return {.shift = 2, .flip = mirror::never, .cutout = 0};
    }
    return {};
}

augmentation read_changes(json_reader reader, augmentation changes) {
    read(reader, "shift", changes.shift, 0, 64);
    if (const auto flip = reader.find("flip")) {
        changes.flip = flip->as<bool>() ? mirror::half_of_all : mirror::never;
    }
    read(reader, "cutout", changes.cutout, 0, 64);
    changes.trivial_augment = reader.get_or<bool>("trivial_augment", changes.trivial_augment);
    reader.finish();
    return changes;
}

data_settings read_data(json_reader reader) {
    data_settings data;
    data.format = static_cast<data_format>(reader.at("format").as_choice(format_names));
    if (data.format == data_format::glyphs) {
        std::int64_t train = static_cast<std::int64_t>(data.glyphs.train);
        std::int64_t test = static_cast<std::int64_t>(data.glyphs.test);
        read<std::int64_t>(reader, "train", train, 100, 1 << 20);
        read<std::int64_t>(reader, "test", test, 1, 1 << 20);
        data.glyphs.train = static_cast<std::size_t>(train);
        data.glyphs.test = static_cast<std::size_t>(test);
        data.glyphs.seed = reader.get_or<std::uint64_t>("seed", data.glyphs.seed);
    } else {
        const json_reader path = reader.at("path");
        data.path = path.as<std::string>();
        if (data.path.empty()) throw path.fail("it is empty", "give the folder of the data set");
    }
    read<std::int64_t>(reader, "validation", data.validation, 1, many);
    read<std::int64_t>(reader, "recalibration", data.recalibration, 1, many);
    data.changes = default_changes(data.format);
    if (const auto changes = reader.find("augmentation")) {
        data.changes = read_changes(*changes, data.changes);
    }
    reader.finish();
    return data;
}

/// Bytes from a text such as "<= 256MiB".
std::int64_t read_memory(const json_reader& text) {
    const limit_spec limit =
        parse_limit(parse_metric("peak_memory"), text.as<std::string>(), text.place());
    if (limit.relative || limit.side != bound::at_most) {
        throw text.fail("it is no bound in bytes", "write for example \"<= 256MiB\"");
    }
    constexpr double most = 0x1p62;
    if (!(limit.value >= 1.0 && limit.value <= most)) {
        throw text.fail(fmt::format("it is {:g} bytes", limit.value),
                        "give at least one byte, below 4 EiB");
    }
    return static_cast<std::int64_t>(limit.value);
}

training_plan read_training(json_reader reader) {
    training_plan plan;
    read(reader, "minutes", plan.minutes, positive, 1e6);
    read<std::int64_t>(reader, "steps", plan.steps, 1, many);
    read(reader, "epochs", plan.epochs, positive, 1e6);
    read(reader, "batch", plan.batch, 1, 65536);
    read(reader, "threads", plan.threads, 1, 4096);
    plan.seed = reader.get_or<std::uint64_t>("seed", plan.seed);
    read(reader, "random_members", plan.random_members, 0, 64);
    plan.distillation = reader.get_or<bool>("distillation", plan.distillation);
    if (const auto precision = reader.find("precision")) {
        plan.precision = static_cast<lathe::precision>(precision->as_choice(precision_names));
    }
    if (const auto memory = reader.find("memory")) plan.memory = read_memory(*memory);
    read(reader, "learning_rate", plan.learning_rate, positive, 100.0);
    read(reader, "matrix_rate", plan.matrix_rate, 0.0, 0.99);
    read(reader, "warm_up", plan.warm_up, 0.0, 0.9);
    read(reader, "ends_alone", plan.ends_alone, 0.0, 0.9);
    read(reader, "small_images", plan.small_images, 0.0, 0.9);
    read(reader, "momentum", plan.momentum, 0.0, 0.9999);
    read(reader, "weight_decay", plan.weight_decay, 0.0, 1.0);
    read(reader, "label_smoothing", plan.label_smoothing, 0.0, 0.9);
    read(reader, "clip_norm", plan.clip_norm, 0.0, 1e6);
    reader.finish();
    if ((plan.minutes > 0) + (plan.steps > 0) + (plan.epochs > 0) != 1) {
        throw reader.fail("the length of the training is not clear",
                          "give one of 'minutes', 'steps' and 'epochs'");
    }
    return plan;
}

using optimizer_kinds = std::vector<optimizer_kind>;

std::string names_of(const optimizer_kinds& kinds) {
    std::vector<std::string_view> names;
    for (const optimizer_kind k : kinds) names.push_back(optimizer_names[static_cast<std::size_t>(k)]);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// An option of some optimizers; with another one it would do nothing.
template <class T>
void read_option(json_reader& reader, std::string_view key, T& into, T low, T high,
                 optimizer_kind chosen, const optimizer_kinds& of) {
    const auto value = reader.find(key);
    if (!value) return;
    if (std::ranges::find(of, chosen) == of.end()) {
        throw value->fail(names_of({chosen}) + " has no such option",
                          "leave the key out; it is for " + names_of(of));
    }
    into = value->as<T>(low, high);
}

void read_options(json_reader& reader, search_plan& plan) {
    using enum optimizer_kind;
    const optimizer_kind chosen = plan.optimizer;
    read_option<std::int64_t>(reader, "population", plan.population, 2, 100'000, chosen,
                              {nsga2, regularized_evolution, hierarchical});
    read_option<std::int64_t>(reader, "islands", plan.islands, 1, 64, chosen,
                              {nsga2, regularized_evolution});
    read_option<std::int64_t>(reader, "starts", plan.starts, 1, 100'000, chosen, {local_search});
    read_option<std::int64_t>(reader, "initial", plan.initial, 1, 100'000, chosen,
                              {surrogate_search});
    read_option<std::int64_t>(reader, "levels", plan.levels, 2, 16, chosen, {hierarchical});
    read_option(reader, "keep", plan.keep, 0.0, 1.0, chosen, {hierarchical});
}

stage_plan read_stages(json_reader reader, std::int64_t batch) {
    stage_plan plan;
    read(reader, "effort", plan.effort, positive, 1.0);
    read(reader, "share", plan.share, positive, 1.0);
    reader.finish();
    if (batch < 2) {
        throw reader.fail("a batch of one network leaves nothing to choose from",
                          "give a 'search.batch' of at least 2");
    }
    return plan;
}

search_plan read_search(json_reader reader) {
    search_plan plan;
    if (const auto optimizer = reader.find("optimizer")) {
        plan.optimizer = static_cast<optimizer_kind>(optimizer->as_choice(optimizer_names));
    }
    read_options(reader, plan);
    read<std::int64_t>(reader, "evaluations", plan.evaluations, 1, 10'000'000);
    plan.seed = reader.get_or<std::uint64_t>("seed", plan.seed);
    read<std::int64_t>(reader, "batch", plan.batch, 1, 4096);
    if (const auto stages = reader.find("stages")) plan.stages = read_stages(*stages, plan.batch);
    read(reader, "samples", plan.samples, 20, 10'000'000);
    read(reader, "final_samples", plan.final_samples, 20, 10'000'000);
    read<std::int64_t>(reader, "attempts", plan.attempts, 1, 10'000);
    reader.finish();
    return plan;
}

metric_id read_metric(const json_reader& reader, const std::string& name) {
    try {
        return parse_metric(name);
    } catch (const error& e) {
        throw reader.fail(e.problem(), e.remedy());
    }
}

scenario read_scenario(json_reader reader) {
    scenario s;
    s.name = reader.get<std::string>("name");
    read(reader, "batch", s.target.batch, 1, 65536);
    read(reader, "threads", s.target.threads, 1, 4096);
    read(reader, "streams", s.target.streams, 1, 4096);
    if (auto limits = reader.find("limits")) {
        for (const auto& [name, text] : limits->members()) {
            s.limits.push_back(
                parse_limit(read_metric(text, name), text.as<std::string>(), text.place()));
        }
    }
    reader.finish();
    return s;
}

/// Too few calls leave a P99 without a value, and then no network would ever be feasible.
void check_samples(const search_spec& spec, const std::string& file) {
    constexpr std::int32_t needed = 299;
    const auto is_p99 = [](const metric_id& id) {
        return id.of == quantity::latency && id.by == statistic::p99;
    };
    bool used = std::ranges::any_of(spec.goals.objectives, is_p99);
    for (const scenario& s : spec.goals.scenarios) {
        used = used || std::ranges::any_of(s.limits, is_p99, &limit_spec::metric);
    }
    const auto check = [&](const char* key, std::int32_t samples) {
        if (!used || samples >= needed) return;
        throw error(errc::bad_input, file + ": search." + key,
                    std::to_string(samples) + " calls cannot tell a P99",
                    "give at least " + std::to_string(needed) + ", or use a P50 or P90");
    };
    check("samples", spec.search.samples);
    check("final_samples", spec.search.final_samples);
}

/// The members of a cell space do not share all weights with the largest and the smallest.
void check_members(const search_spec& spec, const std::string& file) {
    if (spec.preset != "cell32" || spec.training.random_members > 0) return;
    throw error(errc::bad_input, file + ": training.random_members",
                "most networks of cell32 would never be trained", "give at least 1");
}

}  // namespace

search_spec read_spec(const json_value& value, const std::string& file) {
    json_reader reader(value, file);
    search_spec spec;
    json_reader space = reader.at("space");
    spec.preset = preset_names[space.at("preset").as_choice(preset_names)];
    space.finish();
    spec.data = read_data(reader.at("data"));
    spec.training = read_training(reader.at("training"));
    if (const auto search = reader.find("search")) spec.search = read_search(*search);
    for (const json_reader& o : reader.at("objectives").elements()) {
        spec.goals.objectives.push_back(parse_objective(o.as<std::string>(), o.place()));
    }
    for (const json_reader& s : reader.at("scenarios").elements()) {
        spec.goals.scenarios.push_back(read_scenario(s));
    }
    reader.finish();
    spec.goals = naming(file, [&] { return complete(std::move(spec.goals)); });
    check_samples(spec, file);
    check_members(spec, file);
    return spec;
}

}  // namespace lathe::cli
