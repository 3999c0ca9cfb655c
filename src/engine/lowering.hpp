// SPDX-License-Identifier: Apache-2.0
// From a fused group of layers to a kernel call at inference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/onednn.hpp"
#include "lathe/network/program.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/network/weights.hpp"
#include "network/concat_slices.hpp"

namespace lathe::detail {

/// Where a step finds its operands when it is bound to an arena.
struct step_memory {
    std::vector<float*> inputs;  ///< in the order of step_recipe::inputs
    float* output = nullptr;
    std::byte* scratch = nullptr;
    const std::byte* weights = nullptr;  ///< what pack() wrote
};

using bound_step = std::function<void(const dnnl::stream&)>;

/// One kernel call before it knows any address.
struct step_recipe {
    std::vector<value_id> inputs;
    value_id output = 0;
    /// The step may write over inputs[in_place]; -1: it may not. must: it does.
    std::int32_t in_place = -1;
    bool must_be_in_place = false;
    std::string implementation;
    std::int64_t scratch_bytes = 0;
    std::int64_t weight_bytes = 0;
    std::function<void(const weight_reader&, const calibrated_statistics&, std::byte*)> pack;
    std::function<bound_step(const step_memory&)> bind;
};

/// What a lowering may look at.
struct lowering_context {
    const network& net;
    const layer_group& group;
    std::int64_t batch;  ///< images of a call: one tile
    int threads;
    const concat_slices& slices;
    bool residual_dies;  ///< the residual may be overwritten: nobody else reads it, before or after

    [[nodiscard]] const node& anchor() const { return net.at(group.anchor()); }
    [[nodiscard]] const tensor_type& type(value_id v) const { return net.at(v).type; }
    /// Floats between the pixels of the result: more than its channels in a concat's result.
    [[nodiscard]] std::int64_t result_pitch() const {
        return type(place_of(slices, group.result()).whole).dims[1].size();
    }
};

/// Facet "execution" of the ops, one overload each. Throws unsupported naming the layer.
step_recipe lower(const input_op&, const lowering_context&);
step_recipe lower(const conv2d_op&, const lowering_context&);
step_recipe lower(const batch_norm_op&, const lowering_context&);
step_recipe lower(const activation_op&, const lowering_context&);
step_recipe lower(const add_op&, const lowering_context&);
step_recipe lower(const channel_gate_op&, const lowering_context&);
step_recipe lower(const pool_op&, const lowering_context&);
step_recipe lower(const global_pool_op&, const lowering_context&);
step_recipe lower(const concat_op&, const lowering_context&);
step_recipe lower(const linear_op&, const lowering_context&);
step_recipe lower(const softmax_op&, const lowering_context&);

/// A whole network: the program and how to run each of its steps.
struct lowered_network {
    program plan;
    std::vector<step_recipe> recipes;
    std::vector<std::int64_t> weight_offsets;     ///< per step, into the packed weights
    std::vector<std::int32_t> buffer_of_value;    ///< -1: the value only lives inside a step
    std::vector<std::int64_t> bytes_before_value;  ///< in its buffer: a slice's first channel
    std::vector<std::int32_t> scratch_of_step;    ///< -1: none
};

[[nodiscard]] lowered_network lower_network(const network& net, const deployment& target);

}  // namespace lathe::detail
