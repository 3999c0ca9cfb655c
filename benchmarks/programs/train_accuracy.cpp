// SPDX-License-Identifier: Apache-2.0
// usage: train_accuracy STUDY_DIR THREADS supernet
//        train_accuracy STUDY_DIR THREADS alone MEMBER
//
// Accuracies on the test set, after recalibration, as one JSON line: of the largest, the smallest and
// the members 0, 1 and 2 of a study's trained supernet; or of one of them trained alone with the same
// settings and data for the same number of steps, going on from its checkpoint in STUDY_DIR.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/images.hpp"
#include "cli/pipeline.hpp"
#include "cli/study_folder.hpp"
#include "lathe/format/json.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "lathe/supernet/trainer.hpp"
#include "programs/judged_members.hpp"

namespace {

using namespace lathe;

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
        return score(weights, benchmarks::judged_members);
    }

    json_object alone(const std::string& name) {
        const network net = benchmarks::judged_member(preset_, name);
        const batch_reader data = images_.training(spec_.training.batch, spec_.training.seed);
        training_settings settings =
            cli::settings_for(spec_.training, threads_, data.steps_per_epoch());
        settings.seconds = 0.0;
        settings.steps = trained_.state.step;
        settings.checkpoint = folder_.path() / ("alone_" + name + ".safetensors");
        weight_store weights(settings.seed);
        (void)train_supernet(weights, [&](rng) { return std::vector{net}; }, data, settings);
        return score(weights, std::array{name});
    }

private:
    template <class Names>
    json_object score(weight_store& weights, const Names& names) {
        benchmarks::test_judge judge(images_, threads_);
        json_object accuracies;
        for (const std::string& name : names) {
            accuracies[name] = judge.accuracy(benchmarks::judged_member(preset_, name), weights);
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
