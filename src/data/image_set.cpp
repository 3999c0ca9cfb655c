// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/image_set.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lathe/core/error.hpp"

namespace lathe {

image_set::image_set(image_shape shape, std::int32_t classes, std::vector<std::uint8_t> pixels,
                     std::vector<std::uint8_t> labels)
    : shape_(shape), classes_(classes), pixels_(std::move(pixels)), labels_(std::move(labels)) {
    if (shape.height < 1 || shape.width < 1 || shape.channels < 1 || classes < 1) {
        throw error(errc::bad_input, "image_set",
                    fmt::format("images of {} x {} x {} in {} classes", shape.height, shape.width,
                                shape.channels, classes),
                    "every number must be at least 1");
    }
    if (pixels_.size() != labels_.size() * shape.elements()) {
        throw error(
            errc::bad_input, "image_set",
            fmt::format("{} bytes of pixels do not fit {} labels", pixels_.size(), labels_.size()),
            fmt::format("give {} bytes for each", shape.elements()));
    }
    const auto bad = std::ranges::find_if(labels_, [&](auto label) { return label >= classes; });
    if (bad != labels_.end()) {
        throw error(errc::bad_input, fmt::format("image_set: image {}", bad - labels_.begin()),
                    fmt::format("label {} is out of range", *bad),
                    fmt::format("labels go from 0 to {}", classes - 1));
    }
}

void image_set::read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
                     std::span<std::int32_t> labels) const {
    const std::size_t n = shape_.elements();
    for (std::size_t i = 0; i < indices.size(); ++i) {
        std::ranges::copy(image(indices[i]), images.begin() + static_cast<std::ptrdiff_t>(i * n));
        labels[i] = label(indices[i]);
    }
}

}  // namespace lathe
