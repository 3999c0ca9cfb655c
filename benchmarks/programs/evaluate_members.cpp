// SPDX-License-Identifier: Apache-2.0
// usage: evaluate_members ROUNDS MEMBERS THREADS
//
// Recalibrates random members of mobile32 at its full resolution on 2,000 images and scores them on
// 5,000, as a search does. Every round takes other members; prints its seconds as one JSON line.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "lathe/evaluator/supernet.hpp"
#include "lathe/format/json.hpp"
#include "networks.hpp"

namespace {

using namespace lathe;

constexpr std::size_t recalibration_images = 2000;
constexpr std::size_t validation_images = 5000;

image_batches batches_of(const image_set& images) {
    return image_batches({images,
                          benchmarks::all_of(images),
                          benchmarks::scale_of(images.shape()),
                          {.batch = 100, .order = batch_order::evaluation}});
}

double seconds_of(supernet_evaluator& judge, const std::vector<network>& nets) {
    std::vector<candidate> candidates;
    for (const auto& net : nets) candidates.push_back({.genes = {}, .net = &net});
    const auto start = std::chrono::steady_clock::now();
    const auto results = judge.evaluate(candidates, {});
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const auto& r : results) {
        if (r.status != evaluation_status::done) throw std::runtime_error(r.message);
    }
    return seconds;
}

void run(std::uint64_t rounds, std::uint64_t members, int threads) {
    mobile_space_spec spec = mobile32();
    spec.resolutions = {spec.resolutions.back()};
    const mobile_space space(spec);
    const auto side = static_cast<std::int32_t>(spec.resolutions[0]);
    const image_shape shape{side, side, 3};
    const image_set first = benchmarks::random_images(recalibration_images, shape, 10);
    const image_set second = benchmarks::random_images(validation_images, shape, 10);
    image_batches recalibration = batches_of(first);
    image_batches validation = batches_of(second);
    weight_store weights(1);
    weights.add(space.lower(space.largest()));
    supernet_evaluator judge(weights, recalibration, validation, {.threads = threads});
    for (std::uint64_t r = 0; r < rounds; ++r) {
        std::vector<network> nets;
        for (std::uint64_t i = 0; i < members; ++i) {
            nets.push_back(benchmarks::fixed_member(space, r * members + i));
        }
        fmt::print("{}\n", to_json(json_object{{"members", members},
                                               {"seconds", seconds_of(judge, nets)}}));
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        fmt::print(stderr, "usage: evaluate_members ROUNDS MEMBERS THREADS\n");
        return 2;
    }
    try {
        run(std::strtoull(arguments[1], nullptr, 10), std::strtoull(arguments[2], nullptr, 10),
            std::atoi(arguments[3]));
    } catch (const std::exception& e) {
        fmt::print(stderr, "evaluate_members: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
