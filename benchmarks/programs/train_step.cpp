// SPDX-License-Identifier: Apache-2.0
// usage: train_step SPACE PRECISION THREADS [FOLDER]
//
// Trains on one batch of 128 random images with the library's defaults and tells how long the steps
// take. SPACE is "mobile32" or a file of benchmarks/specs, PRECISION "automatic" or "f32".
// Without FOLDER the subnets change with every step. With it they stay, and FOLDER gets what
// peers/torch_train.py needs to make the same step: step.json, batch.safetensors, and the weights
// before and after one step in f32.
//
// A line N on standard input asks for a turn: one step that is not counted, N that are, answered by
// one line of JSON. At the end of the input another line tells what the whole run spent.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "lathe/format/file.hpp"
#include "lathe/format/json.hpp"
#include "lathe/format/safetensors.hpp"
#include "lathe/supernet/trainer.hpp"
#include "networks.hpp"

namespace {

using namespace lathe;

constexpr std::int32_t batch = 128;

void print(const json_object& answer) {
    fmt::print("{}\n", to_json(answer));
    std::fflush(stdout);
}

training_settings settings_for(std::int64_t steps, int threads, precision p) {
    training_settings settings;
    settings.steps = steps;
    settings.threads = threads;
    settings.precision = p;
    settings.warm_up = 0.0;  // the first step already has the full learning rate
    return settings;
}

subnet_sampler always(const std::vector<network>& nets) {
    return [nets](rng) { return nets; };
}

/// The batch that every step reads: later epochs only change the order of its images.
void write_batch(const std::filesystem::path& path, batch_reader reader) {
    const image_shape s = reader.shape();
    std::vector<float> images(batch * s.elements());
    std::vector<std::int32_t> labels(batch);
    (void)reader.read({}, images, labels);
    const auto planes = benchmarks::channels_first(images, batch, s.height, s.width, s.channels);
    const std::vector<float> numbers(labels.begin(), labels.end());
    write_safetensors(
        path, std::vector<named_tensor>{{"images", {batch, s.channels, s.height, s.width}, planes},
                                        {"labels", {batch}, numbers}});
}

void write_weights(const std::filesystem::path& path, const weight_store& weights) {
    std::vector<named_tensor> tensors;
    for (const auto& [name, t] : weights.tensors()) tensors.push_back({name, t.shape, t.value});
    write_safetensors(path, tensors);
}

void write_for_peers(const std::filesystem::path& folder, const std::vector<network>& nets,
                     const batch_reader& reader, int threads) {
    const training_settings one = settings_for(1, threads, precision::f32);
    json_array described;
    for (const auto& net : nets) described.push_back(benchmarks::describe(net));
    const json_object settings{{"learning_rate", one.learning_rate},
                               {"momentum", one.momentum},
                               {"weight_decay", one.weight_decay},
                               {"label_smoothing", one.label_smoothing},
                               {"clip_norm", one.clip_norm}};
    std::filesystem::create_directories(folder);
    write_file_atomic(folder / "step.json", to_json(json_object{{"networks", std::move(described)},
                                                                {"settings", settings}}));
    write_batch(folder / "batch.safetensors", reader);

    weight_store weights(1);
    for (const auto& net : nets) weights.add(net);
    write_weights(folder / "before.safetensors", weights);
    (void)train_supernet(weights, always(nets), reader, one);
    write_weights(folder / "after.safetensors", weights);
}

/// The turns that standard input asks for.
class turns {
public:
    /// False at the end of the input.
    bool next() {
        seconds_.clear();
        return static_cast<bool>(std::cin >> wanted_);
    }
    /// `total`: seconds of training so far. False when no other step is wanted.
    bool step_done(double total) {
        seconds_.push_back(total - total_before_);
        total_before_ = total;
        if (seconds_.size() <= wanted_) return true;
        print({{"seconds", json_array(seconds_.begin() + 1, seconds_.end())}});
        return next();
    }

private:
    std::size_t wanted_ = 0;
    std::vector<double> seconds_;
    double total_before_ = 0.0;
};

void run(const std::string& space_name, precision p, int threads, const std::string& folder) {
    const mobile_space space = benchmarks::read_space(space_name);
    const auto side = static_cast<std::int32_t>(space.spec().resolutions.back());
    const image_shape shape{side, side, static_cast<std::int32_t>(space.spec().input_channels)};
    const image_set images =
        benchmarks::random_images(batch, shape, static_cast<std::int32_t>(space.spec().classes));
    const batch_reader reader(images, benchmarks::all_of(images), benchmarks::scale_of(shape),
                              {.batch = batch});
    subnet_sampler sampler = sandwich(space);
    if (!folder.empty()) {
        const auto nets = benchmarks::fixed_step(space);
        write_for_peers(folder, nets, reader, threads);
        sampler = always(nets);
    }

    turns asked;
    if (!asked.next()) return;
    weight_store weights(1);
    std::stop_source stop;
    const auto report = train_supernet(
        weights, sampler, reader, settings_for(1'000'000'000, threads, p),
        [&](const training_progress& now) {
            if (!asked.step_done(now.seconds)) stop.request_stop();
        },
        stop.get_token());
    print({{"steps", report.last.step},
           {"seconds", report.last.seconds},
           {"kernel_seconds", report.passes.kernel_seconds},
           {"making_seconds", report.passes.making_seconds},
           {"arena_bytes", report.passes.arena_bytes},
           {"bf16", resolve(p) == precision::bf16}});
}

}  // namespace

int main(int count, char** arguments) {
    const std::string wanted = count > 2 ? arguments[2] : "";
    if (count < 4 || count > 5 || (wanted != "automatic" && wanted != "f32")) {
        fmt::print(stderr, "usage: train_step SPACE automatic|f32 THREADS [FOLDER]\n");
        return 2;
    }
    try {
        run(arguments[1], wanted == "f32" ? precision::f32 : precision::automatic,
            std::atoi(arguments[3]), count == 5 ? arguments[4] : "");
    } catch (const std::exception& e) {
        fmt::print(stderr, "train_step: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
