// SPDX-License-Identifier: Apache-2.0
// usage: train_precision SPEC.json SEED
//
// Trains the supernet of a specification twice from the same start, for the same steps on the same
// batches, with feature maps in f32 and in bf16. Prints one JSON line: accuracies on the test set,
// after recalibration, of the largest, the smallest and the members 0, 1 and 2.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <vector>

#include "cli/images.hpp"
#include "cli/pipeline.hpp"
#include "lathe/format/json.hpp"
#include "lathe/format/json_reader.hpp"
#include "lathe/supernet/trainer.hpp"
#include "programs/judged_members.hpp"

namespace {

using namespace lathe;

constexpr int threads = 2;

std::vector<double> accuracies(const cli::search_spec& spec, precision images_as) {
    cli::search_images images(spec.data);
    const cli::preset_space preset = cli::space_for(spec, images);
    weight_store weights(spec.training.seed);
    for (const network& net : preset.with_all_weights()) weights.add(net);
    const batch_reader data = images.training(spec.training.batch, spec.training.seed);
    training_settings settings = cli::settings_for(spec.training, threads, data.steps_per_epoch());
    settings.precision = images_as;
    (void)train_supernet(weights, preset.sampler(spec.training.random_members), data, settings);

    benchmarks::test_judge judge(images, threads);
    std::vector<double> values;
    for (const auto& name : benchmarks::judged_members) {
        values.push_back(judge.accuracy(benchmarks::judged_member(preset, name), weights));
    }
    return values;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        fmt::print(stderr, "usage: train_precision SPEC.json SEED\n");
        return 2;
    }
    try {
        cli::search_spec spec = cli::read_spec(read_json(arguments[1]), arguments[1]);
        spec.training.seed = std::strtoull(arguments[2], nullptr, 10);
        const auto trained = [&](precision images_as) {
            const auto values = accuracies(spec, images_as);
            return json_array(values.begin(), values.end());
        };
        json_object row{{"seed", spec.training.seed}, {"f32", trained(precision::f32)}};
        if (has_fast_bf16()) row["bf16"] = trained(precision::bf16);
        fmt::print("{}\n", to_json(row));
    } catch (const std::exception& e) {
        fmt::print(stderr, "train_precision: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
