// SPDX-License-Identifier: Apache-2.0
// Layers whose parameters are slices of shared tensors, as the shipped spaces use them.
#pragma once

#include <string>

#include "lathe/network/network.hpp"

namespace lathe::detail {

/// `used` of at most `full` channels or kernel taps.
struct extent {
    std::int64_t used;
    std::int64_t full;
};

[[nodiscard]] constexpr extent fixed(std::int64_t n) { return {n, n}; }

/// `layer` names nodes ("s1_b2_dw3x3"), `tensor` names parameters ("s1.b2.dw").
struct layer_name {
    std::string layer;
    std::string tensor;
};

/// Adds layers to a builder. Convolutions have no bias and keep height and width at stride 1.
class elastic_layers {
public:
    explicit elastic_layers(network_builder& builder) : builder_(builder) {}

    /// weight: leading slices of (out, in, kernel, kernel), the kernel's centre.
    value_id conv(value_id input, const layer_name& name, extent in, extent out, extent kernel,
                  std::int64_t stride = 1);
    /// weight: leading slice of (channels, 1, kernel, kernel), the kernel's centre.
    value_id depthwise(value_id input, const layer_name& name, extent channels, extent kernel,
                       std::int64_t stride = 1);
    /// Batch norm "LAYER_norm" with scale and shift "TENSOR.norm.scale" and ".shift".
    value_id norm(value_id input, const layer_name& name, extent channels);
    /// "LAYER_act".
    value_id act(value_id input, const layer_name& name, activation kind);
    /// Squeeze-and-excite with a quarter of the channels inside, rounded up to multiples of 8.
    value_id gate(value_id input, const layer_name& name, extent channels);
    /// "pool", "logits" and the output: the mean over positions and a linear layer "classifier".
    void classifier(value_id input, extent channels, std::int64_t classes);

private:
    value_id add_conv(value_id input, const layer_name& name, param_ref weight, extent kernel,
                      std::int64_t stride, std::int64_t groups);

    network_builder& builder_;
};

}  // namespace lathe::detail
