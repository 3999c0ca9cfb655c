// SPDX-License-Identifier: Apache-2.0
// Images in memory, images from a function, and a test set that can be opened once.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lathe/data/concept.hpp"

namespace lathe {

/// Labelled images in memory.
class image_set {
public:
    /// `pixels` holds labels.size() images of `shape`. Throws bad_input when sizes do not fit, a
    /// dimension is below 1 or a label is not below `classes`.
    image_set(image_shape shape, std::int32_t classes, std::vector<std::uint8_t> pixels,
              std::vector<std::uint8_t> labels);

    [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
    [[nodiscard]] std::int32_t classes() const noexcept { return classes_; }
    [[nodiscard]] image_shape shape() const noexcept { return shape_; }
    void read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
              std::span<std::int32_t> labels) const;

    [[nodiscard]] std::span<const std::uint8_t> image(std::size_t i) const noexcept {
        return std::span(pixels_).subspan(i * shape_.elements(), shape_.elements());
    }
    [[nodiscard]] std::int32_t label(std::size_t i) const noexcept { return labels_[i]; }

private:
    image_shape shape_;
    std::int32_t classes_;
    std::vector<std::uint8_t> pixels_;
    std::vector<std::uint8_t> labels_;
};
static_assert(Dataset<image_set>);

/// Images that a function makes: `std::int32_t label = make(index, std::span<std::uint8_t> image)`.
/// The function is called from the loader's thread.
template <std::invocable<std::uint32_t, std::span<std::uint8_t>> Make>
class function_dataset {
public:
    function_dataset(std::size_t size, image_shape shape, std::int32_t classes, Make make)
        : size_(size), shape_(shape), classes_(classes), make_(std::move(make)) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::int32_t classes() const noexcept { return classes_; }
    [[nodiscard]] image_shape shape() const noexcept { return shape_; }
    void read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
              std::span<std::int32_t> labels) const {
        const std::size_t n = shape_.elements();
        for (std::size_t i = 0; i < indices.size(); ++i) {
            labels[i] = make_(indices[i], images.subspan(i * n, n));
        }
    }

private:
    std::size_t size_;
    image_shape shape_;
    std::int32_t classes_;
    Make make_;
};

/// A test set that stays closed while anything is trained or chosen. Opening it consumes this
/// object, so a second reading, and with it a choice by test accuracy, does not happen by mistake.
template <Dataset D>
class held_out {
public:
    explicit held_out(D data) : data_(std::move(data)) {}
    held_out(held_out&&) = default;
    held_out& operator=(held_out&&) = default;

    [[nodiscard]] std::size_t size() const noexcept { return data_.size(); }
    [[nodiscard]] D open() && { return std::move(data_); }

private:
    D data_;
};

/// What the readers of files and the generator deliver.
struct image_data {
    image_set train;
    held_out<image_set> test;
};

}  // namespace lathe
