// SPDX-License-Identifier: Apache-2.0
#include "engine/chunk_products.hpp"

#include <algorithm>

#include "engine/depthwise_weights.hpp"

namespace lathe::detail {
namespace {

/// All pixels of a chunk as one row.
kernels::dense_shape pixels_of(std::int64_t rows, std::int64_t in, std::int64_t out) {
    return {1, in, 1, rows, out, 1, rows};
}

}  // namespace

bool dense_products::takes(std::int64_t in, std::int64_t out) {
    return in % 16 == 0 && out % 16 == 0;
}

dense_products::dense_products(std::int64_t rows, std::int64_t in, std::int64_t out)
    : forward_(pixels_of(rows, in, out)), backward_(pixels_of(rows, out, in)) {}

std::int64_t dense_products::arranged_floats() const {
    return std::max(kernels::dense_weight_floats(forward_),
                    kernels::dense_weight_floats(backward_));
}

void dense_products::arrange_forward(const float* plain, float* arranged) const {
    kernels::pack_dense_weights(forward_, plain, nullptr, arranged);
}

void dense_products::arrange_backward(const float* plain, float* transposed,
                                      float* arranged) const {
    transpose(plain, forward_.out_channels, forward_.in_channels, transposed);
    kernels::pack_dense_weights(backward_, transposed, nullptr, arranged);
}

onednn_products::onednn_products(const convolution_shape& chunk, onednn_convolution::gradient which,
                                 const training_context& alone)
    : convolution_(chunk, alone.images, which, alone),
      product_(chunk.out_rows(), chunk.out_channels, chunk.in_channels, chunk.in_channels,
               alone.images, alone) {}

std::int64_t onednn_products::scratch_floats() const {
    return std::max(convolution_.call_scratch(), product_.scratch_floats());
}

}  // namespace lathe::detail
