// SPDX-License-Identifier: Apache-2.0
#include "engine/chunk_convolution.hpp"

#include "engine/depthwise_weights.hpp"

namespace lathe::detail {

void add_parts(float* sums, std::int64_t count, std::int64_t step, std::int64_t parts) {
    for (std::int64_t p = 1; p < parts; ++p) {
        const float* const more = sums + p * step;
        for (std::int64_t i = 0; i < count; ++i) sums[i] += more[i];
    }
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
#pragma omp single nowait
    {
        float* const by_tap = plain + rounded(weight_.size());
        add_parts(sums, sum_floats(), step, parts);
        kernels::depthwise_total(shape_, 1, sums, by_tap);
        transpose(by_tap, shape_.kernel_h * shape_.kernel_w, shape_.channels, plain);
        weight_.add_gradient(plain);
    }
}

template class depthwise_chunks<float>;
template class depthwise_chunks<kernels::bf16>;

}  // namespace lathe::detail
