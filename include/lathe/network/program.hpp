// SPDX-License-Identifier: Apache-2.0
// A program: a network compiled for a deployment. The only place where fusion, layout and buffers
// are decided; the executor, the memory model, layer times and op tables read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/core/deployment.hpp"
#include "lathe/core/hash.hpp"
#include "lathe/core/units.hpp"
#include "lathe/network/memory_planner.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

enum class buffer_kind : std::uint8_t { input, output, activation, workspace, scratchpad, reorder };

/// Memory of the arena, alive from the first to the last step that touches it (both included). With
/// several tiles, inputs and outputs are alive at all steps.
struct buffer {
    std::string name;
    buffer_kind kind = buffer_kind::activation;
    std::int64_t bytes = 0;
    std::int32_t first_step = 0;
    std::int32_t last_step = 0;

    /// Of the whole batch; all other buffers are of one tile.
    [[nodiscard]] bool holds_batch() const noexcept {
        return kind == buffer_kind::input || kind == buffer_kind::output;
    }
};

/// One kernel call a tile. A step that writes over one of its inputs names the same buffer in both
/// lists.
struct program_step {
    std::string name;             ///< of the last node computed here
    std::vector<value_id> nodes;  ///< computed by this step, in order
    std::string operation;        ///< key for op tables: op and every dimension that matters
    std::string implementation;   ///< kernel chosen, empty in a program compiled without the engine
    std::vector<std::int32_t> reads;
    std::vector<std::int32_t> writes;
    mac_count macs;       ///< for the whole batch
    byte_count traffic;   ///< for the whole batch; weights count once a tile
};

struct program {
    hash64 structure = 0;  ///< of the network
    deployment target;
    /// Images that go through all steps at once, a divisor of target.batch. The steps run tiles()
    /// times, each time on the next images of the inputs and outputs (docs/engine.md).
    std::int32_t tile = 1;
    element_type precision = element_type::f32;
    std::vector<program_step> steps;
    std::vector<buffer> buffers;
    memory_plan plan;           ///< offsets of `buffers`
    byte_count weight_bytes;    ///< packed weights as executed, one copy for all streams
    bool exact = false;         ///< false: compiled without the engine, sizes are lower bounds

    [[nodiscard]] std::int32_t tiles() const noexcept { return target.batch / tile; }
    /// One stream.
    [[nodiscard]] byte_count arena_bytes() const noexcept { return byte_count(plan.arena_bytes); }
    /// Weights and the arenas of all streams.
    [[nodiscard]] byte_count peak_memory() const noexcept {
        return byte_count(weight_bytes.value + plan.arena_bytes * target.streams);
    }
};

/// Compiles without the engine: the same fusion, no kernels and no scratchpads. peak_memory() is a lower
/// bound.
[[nodiscard]] program compile_lower_bound(const network& net, const deployment& target);

}  // namespace lathe
