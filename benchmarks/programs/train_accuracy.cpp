// SPDX-License-Identifier: Apache-2.0
// usage: train_accuracy CIFAR10 FOLDER THREADS supernet MINUTES
//        train_accuracy CIFAR10 FOLDER THREADS alone MEMBER STEPS
//
// Trains mobile32 on CIFAR-10 with the library's defaults, or one member alone for a number of
// steps, and prints one JSON line: steps, seconds and accuracies on the test set. Goes on from its
// checkpoint in FOLDER. MEMBER is "largest", "smallest" or a number; the supernet tells the
// accuracies of the largest, the smallest and the members 0, 1 and 2.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lathe/data/files.hpp"
#include "lathe/data/split.hpp"
#include "lathe/format/json.hpp"
#include "lathe/supernet/scoring.hpp"
#include "lathe/supernet/trainer.hpp"
#include "networks.hpp"

namespace {

using namespace lathe;

constexpr std::int32_t batch = 128;
constexpr std::int32_t scored_batch = 100;

/// The training set, divided as `lathe search` divides it, and the test set.
struct cifar10 {
    explicit cifar10(const std::filesystem::path& folder) : cifar10(read_cifar10(folder)) {}
    explicit cifar10(image_data data)
        : train(std::move(data.train)),
          test(std::move(data.test).open()),
          split(split_indices(train.size(), 2000, 5000, 20)),
          scale(measure_normalization(train, split.train)) {}

    [[nodiscard]] batch_reader training() const {
        return {train, split.train, scale, {.batch = batch, .changes = changes}};
    }
    /// Augmented, as `lathe search` does it; one image a batch, so that none is left over.
    [[nodiscard]] image_batches recalibration() const {
        return image_batches({train, split.recalibration, scale, {.batch = 1, .changes = changes}});
    }
    [[nodiscard]] image_batches testing() const {
        return image_batches({test,
                              benchmarks::all_of(test),
                              scale,
                              {.batch = scored_batch, .order = batch_order::evaluation}});
    }

    augmentation changes{.shift = 4, .flip = mirror::half_of_all};
    image_set train, test;
    data_split split;
    normalization scale;
};

network named_member(const mobile_space& space, const std::string& name) {
    if (name == "largest") return space.lower(space.largest());
    if (name == "smallest") return space.lower(space.smallest());
    return benchmarks::fixed_member(space, std::strtoull(name.c_str(), nullptr, 10));
}

/// On the test set, after recalibration.
class judge {
public:
    judge(const cifar10& data, weight_store& weights, int threads)
        : weights_(weights),
          threads_(threads),
          pass_(threads),
          recalibration_(data.recalibration()),
          test_(data.testing()) {}

    double accuracy(const network& net) {
        const auto statistics = recalibrate(pass_, net, weights_, recalibration_, 250);
        return top1_accuracy(net, weights_.reader(), statistics, test_, test_.size(), scored_batch,
                             threads_)
            .value;
    }

private:
    weight_store& weights_;
    int threads_;
    training_pass pass_;
    image_batches recalibration_, test_;
};

json_object train(const cifar10& data, const mobile_space& space, const subnet_sampler& sampler,
                  const std::vector<std::string>& scored, const training_settings& settings) {
    weight_store weights(settings.seed);
    double shown = 0.0;
    const auto report = train_supernet(
        weights, sampler, data.training(), settings, [&](const training_progress& p) {
            if (p.seconds < shown + 60.0) return;
            shown = p.seconds;
            fmt::print(stderr, "{:.0f} s, {:.0f} %, epoch {:.1f}, {:.1f} % and {:.1f} % right\n",
                       p.seconds, 100.0 * p.share_done, p.epoch, 100.0 * p.accuracy_first,
                       100.0 * p.accuracy_last);
        });
    judge test(data, weights, settings.threads);
    json_object accuracies;
    for (const auto& name : scored) {
        accuracies[name] = test.accuracy(named_member(space, name));
    }
    return {{"steps", report.last.step},
            {"seconds", report.last.seconds},
            {"epochs", report.last.epoch},
            {"accuracy", std::move(accuracies)}};
}

json_object run(const std::string& images, const std::filesystem::path& folder, int threads,
                const std::string& what, const std::string& first, const std::string& second) {
    const cifar10 data(images);
    const mobile_space space(mobile32());
    std::filesystem::create_directories(folder);
    training_settings settings;
    settings.threads = threads;
    if (what == "supernet") {
        settings.seconds = 60.0 * std::strtod(first.c_str(), nullptr);
        settings.checkpoint = folder / "supernet.safetensors";
        return train(data, space, sandwich(space), {"largest", "smallest", "0", "1", "2"},
                     settings);
    }
    const network net = named_member(space, first);
    settings.steps = std::strtoll(second.c_str(), nullptr, 10);
    settings.checkpoint = folder / ("alone_" + first + ".safetensors");
    return train(data, space, [&](rng) { return std::vector{net}; }, {first}, settings);
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 4 ? arguments[4] : "";
    if (!(what == "supernet" && count == 6) && !(what == "alone" && count == 7)) {
        fmt::print(stderr,
                   "usage: train_accuracy CIFAR10 FOLDER THREADS supernet MINUTES\n"
                   "       train_accuracy CIFAR10 FOLDER THREADS alone MEMBER STEPS\n");
        return 2;
    }
    try {
        const json_object result = run(arguments[1], arguments[2], std::atoi(arguments[3]), what,
                                       arguments[5], count == 7 ? arguments[6] : "");
        fmt::print("{}\n", to_json(result));
    } catch (const std::exception& e) {
        fmt::print(stderr, "train_accuracy: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
