// SPDX-License-Identifier: Apache-2.0
// Whoever trains finds the process as it was.
#include <catch2/catch.hpp>

#include "lathe/evaluator/supernet.hpp"
#include "lathe/supernet/trainer.hpp"
#include "supernet/support.hpp"
#include "support/process_state.hpp"

using namespace lathe;

TEST_CASE("training and scoring leave the caller's settings as they were") {
    const auto space = test::small_space();
    const test::small_data data(96);
    const network member = space.lower(space.smallest());
    const bool left = leaves_process_state([&] {
        training_settings settings;
        settings.steps = 2;
        settings.threads = 2;
        weight_store weights(1);
        CHECK(train_supernet(weights, sandwich(space, 1), data.reader(32), settings).complete);
        image_batches images(data.reader(32, batch_order::evaluation));
        supernet_evaluator judge(weights, images, images,
                                 {.recalibration_batch = 32, .batch = 32, .threads = 2});
        const std::vector<candidate> one{{0, space.smallest(), &member}};
        CHECK(judge.evaluate(one, {}).at(0).status == evaluation_status::done);
    });
    CHECK(left);
}
