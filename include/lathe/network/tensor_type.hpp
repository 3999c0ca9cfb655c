// SPDX-License-Identifier: Apache-2.0
// Shapes and element types of the values that flow through a network.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/core/hash.hpp"

namespace lathe {

enum class element_type : std::uint8_t { f32, bf16, f16, s8, u8, s32 };

[[nodiscard]] std::string_view to_string(element_type type) noexcept;
[[nodiscard]] std::int64_t size_of(element_type type) noexcept;

/// One extent: a number, or a symbol ("batch") that a deployment replaces by a number.
class dim {
public:
    dim(std::int64_t size) : size_(size) {}  // NOLINT: a plain number is a dim
    [[nodiscard]] static dim symbolic(std::string name);

    [[nodiscard]] bool is_symbol() const noexcept { return !symbol_.empty(); }
    [[nodiscard]] const std::string& symbol() const noexcept { return symbol_; }
    /// Precondition: not a symbol.
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }

    friend bool operator==(const dim&, const dim&) = default;

private:
    std::int64_t size_ = 0;
    std::string symbol_;
};

/// Affine integer code: real = scale * (code - zero_point).
struct quantization {
    float scale = 1.0F;
    std::int32_t zero_point = 0;

    friend bool operator==(const quantization&, const quantization&) = default;
};

/// Of one tensor, and of one value for one input: far more than a machine runs, and few enough for
/// every count of bytes to fit into 64 bits.
inline constexpr std::int64_t most_elements = 0x7FFFFFFF;

/// Images are (batch, channels, height, width) and vectors (batch, features), in this logical order
/// whatever the layout in memory.
struct tensor_type {
    std::vector<dim> dims;
    element_type element = element_type::f32;
    std::optional<quantization> quantized;

    friend bool operator==(const tensor_type&, const tensor_type&) = default;
};

/// (batch, channels, height, width) in f32 with a symbolic batch.
[[nodiscard]] tensor_type image_type(std::int64_t channels, std::int64_t height, std::int64_t width);
/// (batch, features) in f32 with a symbolic batch.
[[nodiscard]] tensor_type vector_type(std::int64_t features);

/// Do these extents, each above 0, make at most most_elements?
[[nodiscard]] bool is_countable(std::span<const std::int64_t> extents) noexcept;
/// Number of elements with every symbol replaced by `symbol_size`.
[[nodiscard]] std::int64_t element_count(const tensor_type& type, std::int64_t symbol_size);
/// element_count times the size of an element.
[[nodiscard]] std::int64_t byte_size(const tensor_type& type, std::int64_t symbol_size);

/// "f32[batch,16,28,28]".
[[nodiscard]] std::string to_string(const tensor_type& type);
void add_to(hasher& h, const tensor_type& type);

}  // namespace lathe
