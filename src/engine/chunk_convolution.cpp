// SPDX-License-Identifier: Apache-2.0
#include "engine/chunk_convolution.hpp"

#include <algorithm>

#include "engine/depthwise_weights.hpp"

namespace lathe::detail {
namespace {

/// Adds all further parts to the first.
void total(float* sums, std::int64_t count, std::int64_t step, std::int64_t parts) {
    for (std::int64_t p = 1; p < parts; ++p) {
        const float* const more = sums + p * step;
        for (std::int64_t i = 0; i < count; ++i) sums[i] += more[i];
    }
}

/// Sums that lie as the weights do.
void add_sums(const parameter_view& weight, float* sums, std::int64_t step, std::int64_t parts) {
    total(sums, weight.size(), step, parts);
    weight.add_gradient(sums);
}

/// All pixels of a chunk as one row.
kernels::dense_shape pixels_of(std::int64_t rows, std::int64_t in, std::int64_t out) {
    return {1, in, 1, rows, out, 1, rows};
}

}  // namespace

bool dense_chunks::takes(const convolution_shape& shape) {
    return shape.in_channels % 16 == 0 && shape.out_channels % 16 == 0;
}

dense_chunks::dense_chunks(const parameter_view& weight, const convolution_shape& chunk)
    : weight_(weight),
      forward_(pixels_of(chunk.out_rows(), chunk.in_channels, chunk.out_channels)),
      backward_(pixels_of(chunk.out_rows(), chunk.out_channels, chunk.in_channels)) {}

std::int64_t dense_chunks::arranged_floats() const {
    return std::max(kernels::dense_weight_floats(forward_), kernels::dense_weight_floats(backward_));
}

void dense_chunks::arrange_forward(float* arranged, float* plain) const {
    weight_.read(plain);
    kernels::pack_dense_weights(forward_, plain, nullptr, arranged);
}

void dense_chunks::arrange_backward(float* arranged, float* plain) const {
    float* const transposed = plain + rounded(weight_.size());
    weight_.read(plain);
    transpose(plain, forward_.out_channels, forward_.in_channels, transposed);
    kernels::pack_dense_weights(backward_, transposed, nullptr, arranged);
}

void dense_chunks::add_to_master(float* sums, std::int64_t step, std::int64_t parts,
                                 float* /*plain*/) const {
    add_sums(weight_, sums, step, parts);
}

pointwise_chunks::pointwise_chunks(const parameter_view& weight, const convolution_shape& chunk,
                                   const training_context& alone)
    : weight_(weight),
      convolution_(chunk, alone.images, onednn_convolution::gradient::data_only, alone),
      product_(chunk.out_rows(), chunk.out_channels, chunk.in_channels, chunk.in_channels,
               alone.images, alone) {}

std::int64_t pointwise_chunks::scratch_floats() const {
    return std::max(convolution_.call_scratch(), product_.scratch_floats());
}

void pointwise_chunks::arrange_forward(float* arranged, float* plain) const {
    weight_.read(plain);
    convolution_.arrange_forward(plain, arranged);
}

void pointwise_chunks::arrange_backward(float* arranged, float* plain) const {
    weight_.read(plain);
    convolution_.arrange_data(plain, arranged);
}

void pointwise_chunks::add_to_master(float* sums, std::int64_t step, std::int64_t parts,
                                     float* /*plain*/) const {
    add_sums(weight_, sums, step, parts);
}

template <class T>
bool depthwise_chunks<T>::takes(const convolution_shape& shape) {
    return kernels::has_depthwise_rows(depthwise_of(shape));
}

template <class T>
depthwise_chunks<T>::depthwise_chunks(const parameter_view& weight, const convolution_shape& chunk)
    : weight_(weight), shape_(depthwise_of(chunk)) {}

template <class T>
void depthwise_chunks<T>::arrange_forward(float* arranged, float* plain) const {
    weight_.read(plain);
    transpose(plain, shape_.channels, shape_.kernel_h * shape_.kernel_w, arranged);
}

template <class T>
void depthwise_chunks<T>::add_to_master(float* sums, std::int64_t step, std::int64_t parts,
                                        float* plain) const {
    float* const by_tap = plain + rounded(weight_.size());
    total(sums, sum_floats(), step, parts);
    kernels::depthwise_total(shape_, 1, sums, by_tap);
    transpose(by_tap, shape_.kernel_h * shape_.kernel_w, shape_.channels, plain);
    weight_.add_gradient(plain);
}

template class depthwise_chunks<float>;
template class depthwise_chunks<kernels::bf16>;

}  // namespace lathe::detail
