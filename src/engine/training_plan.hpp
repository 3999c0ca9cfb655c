// SPDX-License-Identifier: Apache-2.0
// Order, lifetimes and places of everything a training pass touches.
#pragma once

#include <vector>

#include "engine/training.hpp"
#include "lathe/network/memory_planner.hpp"

namespace lathe::detail {

/// A layer with its recipe; a batch norm, the activation behind it and the convolution behind that
/// are one layer where nobody else reads what is between them; where begins_expansion says so, the
/// convolution in front, too.
struct training_layer {
    value_id first = 0;   ///< node that reads the inputs
    value_id norm = 0;    ///< node whose statistics these are
    value_id output = 0;  ///< last node computed
    std::vector<value_id> inputs;
    training_recipe recipe;
};

/// Index into training_plan::memory.offsets, or -1: not in the arena.
using slot = std::int32_t;

/// How the gradient of one input of a layer gets to its slot.
enum class delivery : std::uint8_t {
    none,        ///< nobody needs it and the layer leaves it out
    discard,     ///< nobody needs it, but the layer writes it: to the temporary slot
    shared,      ///< it is the layer's own output gradient, in the same slot
    write,       ///< the first one
    accumulate,  ///< added to what is there by the layer itself
    add_after    ///< written to the temporary slot and then added
};

struct training_plan {
    std::vector<training_layer> layers;  ///< in forward order
    std::vector<int> producer;           ///< per node: layer that makes it, or -1
    std::vector<slot> value;             ///< per node
    std::vector<slot> gradient;          ///< per node; nodes may share one; -1: no gradient
    std::vector<slot> saved, forward_scratch, backward_scratch;  ///< per layer
    std::vector<slot> moments;  ///< per layer: of its output, for the layer behind; -1: not taken
    /// Per layer: the one behind, where that leaves this one's output gradient unfinished; or -1.
    std::vector<int> unfinished_by;
    std::vector<std::vector<delivery>> deliveries;  ///< per layer and input
    std::vector<std::vector<slot>> temporary;       ///< per layer and input
    memory_plan memory;

    /// The layer that makes a value, or -1 for an input.
    [[nodiscard]] int maker(value_id v) const { return producer[static_cast<std::size_t>(v)]; }
    [[nodiscard]] bool goes_back(std::size_t layer) const {
        return gradient[static_cast<std::size_t>(layers[layer].output)] >= 0;
    }
};

/// O(n^2) in the number of layers because of the memory planner.
[[nodiscard]] training_plan plan_training(const training_context& context, pass_kind kind);

}  // namespace lathe::detail
