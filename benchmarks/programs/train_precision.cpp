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
#include "lathe/search_space/members.hpp"
#include "lathe/supernet/scoring.hpp"
#include "lathe/supernet/trainer.hpp"

namespace {

using namespace lathe;

constexpr int threads = 2;
constexpr std::int32_t scored_batch = 100;

std::vector<network> judged(const cli::preset_space& preset) {
    const any_space space = preset.any();
    std::vector<network> nets{space.lower(preset.largest()), space.lower(preset.smallest())};
    for (const std::uint64_t member : {0U, 1U, 2U}) {
        rng random(member);
        nets.push_back(space.lower(sample_member(space, random)));
    }
    return nets;
}

std::vector<double> accuracies(const cli::search_spec& spec, precision images_as) {
    cli::search_images images(spec.data);
    const cli::preset_space preset = cli::space_for(spec, images);
    weight_store weights(spec.training.seed);
    preset.add_weights(weights);
    const batch_reader data = images.training(spec.training.batch, spec.training.seed);
    training_settings settings = cli::settings_for(spec.training, threads, data.steps_per_epoch());
    settings.precision = images_as;
    (void)train_supernet(weights, preset.sampler(spec.training.random_members), data, settings);

    training_pass pass(threads);
    auto recalibration = images.recalibration();
    auto test = images.open_test();
    std::vector<double> values;
    for (const network& net : judged(preset)) {
        const auto statistics = recalibrate(pass, net, weights, recalibration, 250);
        values.push_back(top1_accuracy(net, weights.reader(), statistics, test, test.size(),
                                       scored_batch, threads)
                             .value);
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
