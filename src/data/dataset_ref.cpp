// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/data/concept.hpp"

namespace lathe {

void dataset_ref::check() const {
    if (shape_.height < 1 || shape_.width < 1 || shape_.channels < 1 || classes_ < 1) {
        throw error(errc::bad_input, "data set",
                    fmt::format("images of {} x {} x {} in {} classes", shape_.height, shape_.width,
                                shape_.channels, classes_),
                    "every number must be at least 1");
    }
}

void dataset_ref::read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
                       std::span<std::int32_t> labels) const {
    if (images.size() != indices.size() * shape_.elements() || labels.size() != indices.size()) {
        throw error(errc::bad_input, "dataset_ref::read",
                    fmt::format("{} images of {} bytes and {} labels do not fit {} and {} places",
                                indices.size(), shape_.elements(), indices.size(), images.size(),
                                labels.size()));
    }
    for (const auto i : indices) {
        if (i >= size_) {
            throw error(errc::bad_input, "data set", fmt::format("there is no image {}", i),
                        fmt::format("it has {} images", size_));
        }
    }
    read_(data_, indices, images, labels);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] < 0 || labels[i] >= classes_) {
            throw error(errc::bad_input, fmt::format("data set: image {}", indices[i]),
                        fmt::format("label {} is out of range", labels[i]),
                        fmt::format("labels go from 0 to {}", classes_ - 1));
        }
    }
}

}  // namespace lathe
