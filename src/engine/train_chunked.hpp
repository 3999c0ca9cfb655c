// SPDX-License-Identifier: Apache-2.0
// Convolutions trained on chunks of images, each by one thread. Batch norm needs sums over the
// whole batch; everything between two such sums is done while a chunk is in the core's own cache:
//
//   forward    normalize and activate the input, convolve, take the moments of the output
//   backward   finish the output's gradient, both gradients of the convolution, take the sums of
//              the batch norm in front
//
// So each feature map goes to memory once and comes back once per direction.
#pragma once

#include <optional>

#include "engine/chunk_work.hpp"
#include "engine/onednn_convolution.hpp"
#include "engine/training.hpp"

namespace lathe::detail {

/// Whether train_chunked takes this convolution: 1x1 with stride 1 on weights that are a strided
/// matrix, or depthwise in the shapes of our row kernels.
[[nodiscard]] bool is_chunked(const parameter_view& weight, const convolution_shape& shape);

/// A convolution without bias. Precondition: is_chunked. The layer's input is that of the batch
/// norm, if there is one.
[[nodiscard]] training_recipe train_chunked(const parameter_view& weight,
                                            const convolution_shape& shape,
                                            std::optional<norm_in_chunks> norm,
                                            const training_context& context);

}  // namespace lathe::detail
