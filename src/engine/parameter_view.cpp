// SPDX-License-Identifier: Apache-2.0
#include "engine/training.hpp"
#include "lathe/network/region_copy.hpp"

namespace lathe::detail {

parameter_view::parameter_view(const param_ref& ref, const parameter_access& access)
    : region_(resolve(ref)), full_shape_(ref.full_shape), memory_(access(ref)) {
    for (std::size_t d = 0; d < full_shape_.size(); ++d) {
        size_ *= region_.shape[d];
        full_size_ *= full_shape_[d];
        if (d > 0) full_row_ *= full_shape_[d];
    }
    std::int64_t stride = full_size_;
    for (std::size_t d = 0; d < full_shape_.size(); ++d) {
        stride /= full_shape_[d];
        offset_ += region_.ranges[d].front().begin * stride;
    }
}

bool parameter_view::is_strided_matrix() const noexcept {
    if (!region_.is_box()) return false;
    // Dimension 1 may be cut; everything inside it must be whole for a row to be consecutive.
    for (std::size_t d = 2; d < full_shape_.size(); ++d) {
        if (region_.shape[d] != full_shape_[d]) return false;
    }
    return true;
}

bool parameter_view::is_consecutive() const noexcept {
    return is_strided_matrix() && size_ == region_.shape[0] * full_row_;
}

const float* parameter_view::values(float* dense) const {
    if (is_consecutive()) return memory_.value + offset_;
    read(dense);
    return dense;
}

void parameter_view::read(float* dense) const {
    gather(region_, full_shape_, {memory_.value, static_cast<std::size_t>(full_size_)},
           {dense, static_cast<std::size_t>(size_)});
}

void parameter_view::add_gradient(const float* dense) const {
    scatter_add(region_, full_shape_, {dense, static_cast<std::size_t>(size_)},
                {memory_.gradient, static_cast<std::size_t>(full_size_)});
}

void parameter_view::add_gradient(const float* dense, kernels::index_range rows) const {
    const std::int64_t columns = size_ / region_.shape[0];
    for (std::int64_t row = rows.first; row < rows.last; ++row) {
        const float* const from = dense + row * columns;
        float* const to = matrix_gradient() + row * full_row_;
        for (std::int64_t i = 0; i < columns; ++i) to[i] += from[i];
    }
}

}  // namespace lathe::detail
