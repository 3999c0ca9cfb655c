// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/data/transform.hpp"

namespace lathe {
namespace {

/// An output position mixes the inputs `low` and `high`: (1 - weight) * low + weight * high.
struct tap {
    std::size_t low;
    std::size_t high;
    float weight;
};

std::vector<tap> taps(std::int32_t from, std::int32_t to) {
    std::vector<tap> list;
    for (std::int32_t i = 0; i < to; ++i) {
        const double centre = (i + 0.5) * from / to - 0.5;
        const double clamped = std::clamp(centre, 0.0, static_cast<double>(from - 1));
        const auto low = static_cast<std::size_t>(clamped);
        list.push_back({low, std::min(low + 1, static_cast<std::size_t>(from - 1)),
                        static_cast<float>(clamped - static_cast<double>(low))});
    }
    return list;
}

void resize_row(const float* in, const std::vector<tap>& columns, std::size_t channels,
                float* out) {
    for (const auto& [low, high, weight] : columns) {
        for (std::size_t c = 0; c < channels; ++c) {
            const float a = in[low * channels + c];
            const float b = in[high * channels + c];
            *out++ = a + weight * (b - a);
        }
    }
}

}  // namespace

void resize_bilinear(std::span<const float> images, std::size_t count, image_shape from,
                     std::span<float> out, image_shape to) {
    if (from.channels != to.channels || images.size() != count * from.elements() ||
        out.size() != count * to.elements() || from.elements() == 0 || to.elements() == 0) {
        throw error(
            errc::bad_input, "resize_bilinear",
            fmt::format("{} images of {} x {} x {} into {} x {} x {}, with {} and {} values", count,
                        from.height, from.width, from.channels, to.height, to.width, to.channels,
                        images.size(), out.size()),
            "the channels and the sizes of both spans must fit");
    }
    if (from == to) {
        std::ranges::copy(images, out.begin());
        return;
    }
    const auto rows = taps(from.height, to.height);
    const auto columns = taps(from.width, to.width);
    const auto channels = static_cast<std::size_t>(from.channels);
    const std::size_t in_row = static_cast<std::size_t>(from.width) * channels;
    const std::size_t out_row = static_cast<std::size_t>(to.width) * channels;
    std::vector<float> mixed(in_row);
    const float* image = images.data();
    float* target = out.data();
    for (std::size_t n = 0; n < count; ++n, image += from.elements()) {
        for (const auto& [low, high, weight] : rows) {
            const float* const a = image + low * in_row;
            const float* const b = image + high * in_row;
            for (std::size_t i = 0; i < in_row; ++i) mixed[i] = a[i] + weight * (b[i] - a[i]);
            resize_row(mixed.data(), columns, channels, target);
            target += out_row;
        }
    }
}

}  // namespace lathe
