// SPDX-License-Identifier: Apache-2.0
// A 1x1 convolution to more channels, the batch norm and the activation behind it and the depthwise
// convolution behind those, trained as one layer on chunks of images. The tensor between the two
// convolutions, the widest of an inverted bottleneck, never goes to memory:
//
//   forward    for y = W x, mean and variance of y follow from mean and covariance of x, so that
//              each chunk can be normalized as soon as it is computed
//   backward   y is computed again; with the gradient g in front of the activation, that of x is
//              W^T (factor g - slope (y - mean) - offset), where slope and offset are known at the
//              end only: the first term is left by each chunk, the rest is a product of x and a
//              matrix of its own channels, and so for W
#pragma once

#include <optional>

#include "engine/convolution_shape.hpp"
#include "engine/training.hpp"

namespace lathe::detail {

/// The nodes of such a layer.
struct expansion {
    const conv2d_op& expand;
    const node& expand_node;
    const batch_norm_op& norm;
    std::optional<activation> act;
    const conv2d_op& depthwise;
    const node& depthwise_node;
};

/// Whether a convolution can begin such a layer, and is faster so.
[[nodiscard]] bool begins_expansion(const conv2d_op&, const node&, const training_context&);

/// Preconditions: each node is the only reader of the one in front; the first begins_expansion, the
/// depthwise one is_trained_in_chunks. forward_memory::statistics are those of the norm.
[[nodiscard]] training_recipe train_expansion(const expansion& e, const training_context& context);

}  // namespace lathe::detail
