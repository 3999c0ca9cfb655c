// SPDX-License-Identifier: Apache-2.0
// The oracle speaks (batch, channels, height, width); the engine keeps channels last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/network/tensor_type.hpp"

namespace lathe::reference {

struct image_extents {
    std::int64_t channels = 1, height = 1, width = 1;
};

inline image_extents extents_of(const tensor_type& type) {
    image_extents e{type.dims[1].size(), 1, 1};
    if (type.dims.size() == 4) {
        e.height = type.dims[2].size();
        e.width = type.dims[3].size();
    }
    return e;
}

/// Calls f(channels-first index, channels-last index) for every element.
template <class Function>
void for_each_position(const tensor_type& type, std::int64_t batch, Function f) {
    const auto e = extents_of(type);
    for (std::int64_t n = 0; n < batch; ++n)
        for (std::int64_t c = 0; c < e.channels; ++c)
            for (std::int64_t y = 0; y < e.height; ++y)
                for (std::int64_t x = 0; x < e.width; ++x)
                    f(static_cast<std::size_t>(((n * e.channels + c) * e.height + y) * e.width + x),
                      static_cast<std::size_t>(((n * e.height + y) * e.width + x) * e.channels + c));
}

inline std::vector<float> channels_last(const tensor_type& type, std::int64_t batch,
                                        std::span<const float> first) {
    std::vector<float> last(first.size());
    for_each_position(type, batch, [&](std::size_t a, std::size_t b) { last[b] = first[a]; });
    return last;
}

template <class Number>
std::vector<Number> channels_first(const tensor_type& type, std::int64_t batch,
                                   std::span<const Number> last) {
    std::vector<Number> first(last.size());
    for_each_position(type, batch, [&](std::size_t a, std::size_t b) { first[a] = last[b]; });
    return first;
}

}  // namespace lathe::reference
