// SPDX-License-Identifier: Apache-2.0
// Weights of a convolution or linear layer with the batch norm behind it multiplied in.
#pragma once

#include <optional>
#include <vector>

#include "engine/lowering.hpp"

namespace lathe::detail {

/// The values of a parameter. Throws numeric, naming the tensor, where one is not finite.
[[nodiscard]] std::vector<float> read_finite(const weight_reader& reader, const param_ref& ref);

/// Dense weights and bias, out channel by out channel.
struct folded_weights {
    std::vector<float> weight;
    std::vector<float> bias;
};

/// Reads and folds; holds all it needs, the network may be gone.
class weight_folder {
public:
    weight_folder(const lowering_context& c, param_ref weight, std::optional<param_ref> bias);

    /// Throws numeric, naming the tensor, where a value is not finite. O(weights).
    [[nodiscard]] folded_weights operator()(const weight_reader& reader,
                                            const calibrated_statistics& statistics) const;

private:
    param_ref weight_;
    std::optional<param_ref> bias_;
    std::optional<batch_norm_op> norm_;
    value_id norm_id_;
};

}  // namespace lathe::detail
