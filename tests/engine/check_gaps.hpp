// SPDX-License-Identifier: Apache-2.0
// Every byte that a program writes belongs to one of its buffers.
#pragma once

#include <catch2/catch.hpp>

#include "support/guarded_memory.hpp"

/// Fails at a byte that belongs to no buffer of the plan and is not poison any more.
inline void check_gaps(const lathe::program& plan, std::span<const std::byte> arena) {
    for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
        const auto end = static_cast<std::size_t>(plan.plan.offsets[b] + plan.buffers[b].bytes);
        REQUIRE(end <= arena.size());
    }
    for (const std::size_t i : written_outside(plan, arena)) {
        FAIL("byte " << i << " is in no buffer but was written");
    }
}
