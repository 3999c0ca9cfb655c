// SPDX-License-Identifier: Apache-2.0
// The executor beside plain loops.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "lathe/engine/executor.hpp"
#include "reference/interpreter.hpp"
#include "reference/layout.hpp"
#include "reference/random_network.hpp"

/// Largest difference to the oracle over all outputs, relative to max(1, largest value).
inline double difference_to_oracle(const lathe::network& net, std::int64_t batch,
                                   lathe::executor& run,
                                   const lathe::calibrated_statistics& statistics,
                                   lathe::rng random) {
    const auto input = lathe::reference::random_input(net, batch, random);
    const auto& in_type = net.at(net.inputs()[0]).type;
    std::ranges::copy(lathe::reference::channels_last(in_type, batch, input), run.input().begin());
    const auto expected =
        lathe::reference::run(net, lathe::reference::unit_weights(), statistics, batch, input);
    run.run();
    double worst = 0.0;
    for (std::size_t o = 0; o < net.outputs().size(); ++o) {
        const auto value = net.outputs()[o].value;
        const auto got = lathe::reference::channels_first(net.at(value).type, batch, run.output(o));
        const auto& want = expected[static_cast<std::size_t>(value)];
        REQUIRE(got.size() == want.size());
        double scale = 1.0;
        for (const double w : want) scale = std::max(scale, std::abs(w));
        for (std::size_t i = 0; i < want.size(); ++i) {
            worst = std::max(worst, std::abs(got[i] - want[i]) / scale);
        }
    }
    return worst;
}
