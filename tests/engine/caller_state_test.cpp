// SPDX-License-Identifier: Apache-2.0
// Whoever links the engine finds the process as it was.
#include <catch2/catch.hpp>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/engine/network_timing.hpp"
#include "lathe/engine/training_pass.hpp"
#include "reference/layout.hpp"
#include "reference/random_network.hpp"
#include "support/process_state.hpp"

using namespace lathe;

namespace {

void use_the_engine() {
    const network net = reference::random_network(rng(9), 8, reference::outputs::logits);
    const auto statistics = reference::random_statistics(net, rng(9));
    (void)compile(net, {.batch = 2, .threads = 2});
    executor run(net, reference::unit_weights(), statistics, {.threads = 2});
    std::ranges::fill(run.input(), 0.25F);
    run.run();
    (void)run.time_steps(2);
    timing_options quick;
    quick.samples = 20;
    quick.rounds = 2;
    quick.max_warm_up_seconds = 0.01;
    quick.min_warm_up_seconds = 0.001;
    (void)time_networks(std::span(&net, 1), {.threads = 1, .streams = 2}, quick);

    std::map<std::string, std::vector<float>> values, gradients;
    const parameter_access access = [&](const param_ref& ref) {
        const auto size = static_cast<std::size_t>(element_count(whole(ref.tensor, ref.full_shape)));
        values[ref.tensor].resize(size, 0.1F);
        gradients[ref.tensor].resize(size);
        return parameter_memory{values[ref.tensor].data(), gradients[ref.tensor].data()};
    };
    training_pass pass(2);
    const auto images = reference::random_input(net, 2, rng(1));
    const auto logits = pass.forward(net, access, images, 2);
    pass.backward(std::vector<float>(logits.size(), 1.0F));
}

}  // namespace

TEST_CASE("the caller's settings are the same before and after") {
    const int primitive_cache = dnnl::get_primitive_cache_capacity();
    CHECK(leaves_process_state(use_the_engine));
    CHECK(dnnl::get_primitive_cache_capacity() == primitive_cache);
}
