// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lathe/engine/executor.hpp"
#include "support/counted_heap.hpp"

namespace lathe::test {

/// What one call of the network takes from the heap, after a first one.
inline heap_use heap_of_call(const network& net, const deployment& target = {}) {
    executor run(net, arbitrary_weights(), calibrated_statistics::neutral(net), target);
    std::ranges::fill(run.input(), 0.5F);
    run.run();
    count_heap();
    run.run();
    return counted_heap();
}

}  // namespace lathe::test
