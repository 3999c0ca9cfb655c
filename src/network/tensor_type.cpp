// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/tensor_type.hpp"

#include <fmt/format.h>

namespace lathe {

std::string_view to_string(element_type type) noexcept {
    switch (type) {
        case element_type::f32: return "f32";
        case element_type::bf16: return "bf16";
        case element_type::f16: return "f16";
        case element_type::s8: return "s8";
        case element_type::u8: return "u8";
        case element_type::s32: return "s32";
    }
    return "unknown";
}

std::int64_t size_of(element_type type) noexcept {
    switch (type) {
        case element_type::f32:
        case element_type::s32: return 4;
        case element_type::bf16:
        case element_type::f16: return 2;
        case element_type::s8:
        case element_type::u8: return 1;
    }
    return 0;
}

dim dim::symbolic(std::string name) {
    dim d(0);
    d.symbol_ = std::move(name);
    return d;
}

tensor_type image_type(std::int64_t channels, std::int64_t height, std::int64_t width) {
    return {{dim::symbolic("batch"), channels, height, width}, element_type::f32, {}};
}

tensor_type vector_type(std::int64_t features) {
    return {{dim::symbolic("batch"), features}, element_type::f32, {}};
}

bool is_countable(std::span<const std::int64_t> extents) noexcept {
    std::int64_t room = most_elements;
    for (const auto extent : extents) room /= extent;
    return room > 0;
}

std::int64_t element_count(const tensor_type& type, std::int64_t symbol_size) {
    std::int64_t count = 1;
    for (const auto& d : type.dims) count *= d.is_symbol() ? symbol_size : d.size();
    return count;
}

std::int64_t byte_size(const tensor_type& type, std::int64_t symbol_size) {
    return element_count(type, symbol_size) * size_of(type.element);
}

std::string to_string(const tensor_type& type) {
    std::string text = fmt::format("{}[", to_string(type.element));
    for (std::size_t i = 0; i < type.dims.size(); ++i) {
        if (i > 0) text += ',';
        const dim& d = type.dims[i];
        text += d.is_symbol() ? d.symbol() : std::to_string(d.size());
    }
    return text + ']';
}

void add_to(hasher& h, const tensor_type& type) {
    h.add(std::uint64_t{type.dims.size()});
    for (const auto& d : type.dims) {
        h.add(d.symbol());
        h.add(static_cast<std::uint64_t>(d.size()));
    }
    h.add(static_cast<std::uint64_t>(type.element));
    h.add(std::uint64_t{type.quantized.has_value()});
    if (type.quantized) {
        h.add_bytes(std::as_bytes(std::span(&type.quantized->scale, 1)));
        h.add(static_cast<std::uint64_t>(type.quantized->zero_point));
    }
}

}  // namespace lathe
