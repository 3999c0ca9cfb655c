// SPDX-License-Identifier: Apache-2.0
// Sharing weights is naming: a layer's parameter is a named base tensor and the views taken of it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/network/tensor_type.hpp"

namespace lathe {

/// Indices begin <= i < end of one dimension.
struct index_range {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    friend auto operator<=>(const index_range&, const index_range&) = default;
};

/// Keeps index ranges of every dimension. Ranges of one dimension ascend and do not overlap; an
/// empty list keeps the whole dimension; missing trailing dimensions are kept whole.
struct range_view {
    std::vector<std::vector<index_range>> ranges;

    friend bool operator==(const range_view&, const range_view&) = default;
};

/// Keeps the middle `height` x `width` of the last two dimensions; the margins must be even.
struct centre_crop {
    std::int64_t height = 0;
    std::int64_t width = 0;

    friend bool operator==(const centre_crop&, const centre_crop&) = default;
};

/// Views with a place in the format that this version answers with `unsupported`.
enum class reserved_view : std::uint8_t { transpose, reshape, product, mask, fake_quantize };

using param_view = std::variant<range_view, centre_crop, reserved_view>;

/// Two networks share weights exactly when they name the same tensor. The views apply in order.
struct param_ref {
    std::string tensor;
    std::vector<std::int64_t> full_shape;
    element_type element = element_type::f32;
    std::vector<param_view> views;

    friend bool operator==(const param_ref&, const param_ref&) = default;
};

/// All of a tensor.
[[nodiscard]] param_ref whole(std::string tensor, std::vector<std::int64_t> shape);
/// The first `kept[i]` indices of every dimension i.
[[nodiscard]] param_ref leading(std::string tensor, std::vector<std::int64_t> full_shape,
                                const std::vector<std::int64_t>& kept);

/// The views of a parameter composed into ranges of the base tensor.
struct param_region {
    std::vector<std::vector<index_range>> ranges;  ///< one non-empty list per dimension
    std::vector<std::int64_t> shape;               ///< extents of the result

    /// One range in every dimension: the result is a strided box.
    [[nodiscard]] bool is_box() const noexcept;
    /// Every index of the base tensor is kept.
    [[nodiscard]] bool is_whole(const std::vector<std::int64_t>& full_shape) const noexcept;
};

/// Throws shape (a view does not fit, naming tensor and shapes) or unsupported (a reserved view).
[[nodiscard]] param_region resolve(const param_ref& ref);
/// Extents of the result of resolve().
[[nodiscard]] std::vector<std::int64_t> shape_of(const param_ref& ref);
[[nodiscard]] std::int64_t element_count(const param_ref& ref);

void add_structure(hasher& h, const param_ref& ref);  ///< without the tensor's name
void add_identity(hasher& h, const param_ref& ref);   ///< with the tensor's name

}  // namespace lathe
