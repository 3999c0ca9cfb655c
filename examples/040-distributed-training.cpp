// SPDX-License-Identifier: Apache-2.0
// One supernet trained by several processes. Started by any MPI launcher, or without one:
//
//   mpirun -n 4 example_040-distributed-training [STEPS [CHECKPOINT]]
//   srun -n 4 example_040-distributed-training [STEPS [CHECKPOINT]]
//
// All ranks run the same program with the same arguments; a broken run goes on from the checkpoint.
#include <cstdio>
#include <cstdlib>
#include <lathe/core/error.hpp>
#include <lathe/data/glyphs.hpp>
#include <lathe/distributed/mpi_communicator.hpp>
#include <lathe/search_space/mobile_space.hpp>
#include <lathe/supernet/trainer.hpp>
#include <numeric>

using namespace lathe;

void train(std::int64_t steps, const char* checkpoint) {
    mpi_communicator peers;
    const image_data images = make_glyphs({.train = 2048, .test = 10});
    std::vector<std::uint32_t> all(images.train.size());
    std::iota(all.begin(), all.end(), 0U);
    const batch_reader reader(images.train, all, measure_normalization(images.train, all),
                              {.batch = 32, .changes = {.shift = 2}});  // 32 images a rank
    const mobile_space space(mobile28());
    training_settings settings;
    settings.steps = steps;
    settings.learning_rate = 0.1F;
    settings.checkpoint = checkpoint;

    weight_store weights(1);
    const auto report = train_supernet(
        weights, sandwich(space), reader, settings,
        [&](const training_progress& p) {
            if (peers.rank() != 0 || p.step % 5 != 0) return;
            std::printf("step %lld: loss %.3f, %.0f images/s\n", static_cast<long long>(p.step),
                        p.loss_first, p.images_per_second);
        },
        {}, peers);
    // All ranks have the same weights now; what follows is for one of them.
    if (peers.rank() != 0) return;
    std::printf("%lld steps on %d ranks, weights %s\n", static_cast<long long>(report.last.step),
                peers.size(), to_hex(weights.content_hash()).c_str());
}

int main(int count, char** arguments) {
    try {
        const mpi_session session;
        train(count > 1 ? std::atoll(arguments[1]) : 10, count > 2 ? arguments[2] : "");
    } catch (const error& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return EXIT_FAILURE;
    }
}
