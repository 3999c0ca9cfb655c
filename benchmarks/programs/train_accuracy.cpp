// SPDX-License-Identifier: Apache-2.0
// usage: train_accuracy STUDY_DIR THREADS supernet
//        train_accuracy STUDY_DIR THREADS alone MEMBER
//
// Accuracies on the test set, after recalibration, as one JSON line: of the largest, the smallest and
// the members 0, 1 and 2 of a study's trained supernet; or of one of them trained alone with the same
// settings and data for the same number of steps, going on from its checkpoint in STUDY_DIR.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "cli/images.hpp"
#include "cli/pipeline.hpp"
#include "cli/study_folder.hpp"
#include "lathe/format/json.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "lathe/supernet/scoring.hpp"
#include "lathe/supernet/trainer.hpp"

namespace {

using namespace lathe;

constexpr std::int32_t scored_batch = 100;

class trained_study {
public:
    trained_study(const std::string& folder, int threads)
        : folder_(folder),
          spec_(cli::read_spec(folder_.read_spec(), folder_.spec().string())),
          images_(spec_.data),
          preset_(cli::space_for(spec_, images_)),
          threads_(threads),
          trained_(load_checkpoint(folder_.checkpoint())) {}

    json_object supernet() {
        weight_store weights(spec_.training.seed);
        weights.tensors() = std::move(trained_.tensors);
        return score(weights, {"largest", "smallest", "0", "1", "2"});
    }

    json_object alone(const std::string& name) {
        const network net = member(name);
        const batch_reader data = images_.training(spec_.training.batch, spec_.training.seed);
        training_settings settings =
            cli::settings_for(spec_.training, threads_, data.steps_per_epoch());
        settings.seconds = 0.0;
        settings.steps = trained_.state.step;
        settings.checkpoint = folder_.path() / ("alone_" + name + ".safetensors");
        weight_store weights(settings.seed);
        (void)train_supernet(weights, [&](rng) { return std::vector{net}; }, data, settings);
        return score(weights, {name});
    }

private:
    network member(const std::string& name) const {
        const any_space space = preset_.any();
        if (name == "largest") return space.lower(preset_.largest());
        if (name == "smallest") return space.lower(preset_.smallest());
        rng random(std::strtoull(name.c_str(), nullptr, 10));
        return space.lower(sample_member(space, random));
    }

    json_object score(weight_store& weights, const std::vector<std::string>& names) {
        training_pass pass(threads_);
        auto recalibration = images_.recalibration();
        auto test = images_.open_test();
        json_object accuracies;
        for (const auto& name : names) {
            const network net = member(name);
            const auto statistics = recalibrate(pass, net, weights, recalibration, 250);
            accuracies[name] = top1_accuracy(net, weights.reader(), statistics, test, test.size(),
                                             scored_batch, threads_)
                                   .value;
        }
        return {{"steps", trained_.state.step},
                {"seconds", trained_.state.seconds},
                {"accuracy", std::move(accuracies)}};
    }

    cli::study_folder folder_;
    cli::search_spec spec_;
    cli::search_images images_;
    cli::preset_space preset_;
    int threads_;
    checkpoint trained_;
};

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 3 ? arguments[3] : "";
    if (!(what == "supernet" && count == 4) && !(what == "alone" && count == 5)) {
        fmt::print(stderr,
                   "usage: train_accuracy STUDY_DIR THREADS supernet\n"
                   "       train_accuracy STUDY_DIR THREADS alone MEMBER\n");
        return 2;
    }
    try {
        trained_study of(arguments[1], std::atoi(arguments[2]));
        fmt::print("{}\n", to_json(what == "alone" ? of.alone(arguments[4]) : of.supernet()));
    } catch (const std::exception& e) {
        fmt::print(stderr, "train_accuracy: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
