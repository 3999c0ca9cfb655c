// SPDX-License-Identifier: Apache-2.0
// usage: train_ranks      (under any MPI launcher, on any number of ranks)
//
// Sandwich steps of mobile32 with the library's defaults, one thread and 128 images a rank, the same
// subnets for every number of ranks. Rank 0 prints one line of JSON.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/data/image_set.hpp"
#include "lathe/distributed/mpi_communicator.hpp"
#include "lathe/search_space/mobile_space.hpp"
#include "lathe/supernet/trainer.hpp"

namespace {

using namespace lathe;

constexpr std::int64_t warm_up_steps = 3;
constexpr std::int64_t steps = 24;
constexpr std::int32_t batch = 128;

image_set random_images(std::size_t count) {
    const image_shape shape{32, 32, 3};
    rng random(1);
    std::vector<std::uint8_t> pixels(count * shape.elements());
    for (auto& p : pixels) p = static_cast<std::uint8_t>(random.below(256));
    std::vector<std::uint8_t> labels(count);
    for (auto& l : labels) l = static_cast<std::uint8_t>(random.below(10));
    return {shape, 10, std::move(pixels), std::move(labels)};
}

void run() {
    mpi_communicator peers;
    const image_set images = random_images(8192);
    std::vector<std::uint32_t> all(images.size());
    std::iota(all.begin(), all.end(), 0U);
    const normalization scale{{127.5F, 127.5F, 127.5F}, {64.0F, 64.0F, 64.0F}};
    const batch_reader reader(images, all, scale,
                              {.batch = batch, .changes = {.shift = 4, .flip = mirror::half_of_all}});
    const mobile_space space(mobile32());
    training_settings settings;
    settings.steps = warm_up_steps + steps;

    weight_store weights(1);
    double before = 0.0;
    const auto report = train_supernet(
        weights, sandwich(space), reader, settings,
        [&](const training_progress& now) {
            if (now.step == warm_up_steps) before = now.seconds;
        },
        {}, peers);
    if (peers.rank() != 0) return;
    const double seconds = report.last.seconds - before;
    fmt::print("{{\"ranks\": {}, \"steps\": {}, \"seconds\": {}, \"images_per_second\": {}}}\n",
               peers.size(), steps, seconds,
               static_cast<double>(steps * batch * peers.size()) / seconds);
}

}  // namespace

int main() {
    try {
        const mpi_session session;
        run();
    } catch (const std::exception& e) {
        fmt::print(stderr, "train_ranks: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
