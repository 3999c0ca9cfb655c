// SPDX-License-Identifier: Apache-2.0
// What a source of labelled images must offer, and how the library holds any of them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lathe {

/// Images are stored row by row, channels last: element (y, x, c) is at (y * width + x) * channels
/// + c.
struct image_shape {
    std::int32_t height = 0;
    std::int32_t width = 0;
    std::int32_t channels = 0;

    [[nodiscard]] constexpr std::size_t elements() const noexcept {
        return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
               static_cast<std::size_t>(channels);
    }
    friend bool operator==(const image_shape&, const image_shape&) = default;
};

/// `read(indices, images, labels)` writes image indices[i] to images[i * shape().elements() ...)
/// and its label, from 0 to classes() - 1, to labels[i]. The same index always gives the same
/// image. A loader calls it from one thread of its own, so it must not race with what the owner
/// does meanwhile. Precondition: every index is below size().
template <class D>
concept Dataset = requires(const D& data, std::span<const std::uint32_t> indices,
                           std::span<std::uint8_t> images, std::span<std::int32_t> labels) {
    { data.size() } -> std::convertible_to<std::size_t>;
    { data.classes() } -> std::convertible_to<std::int32_t>;
    { data.shape() } -> std::same_as<image_shape>;
    data.read(indices, images, labels);
};

/// Any data set, by reference: the data set must outlive this.
class dataset_ref {
public:
    /// Throws bad_input for images without pixels or channels, and for no classes.
    template <Dataset D>
    dataset_ref(const D& data)
        : data_(&data),
          size_(data.size()),
          classes_(data.classes()),
          shape_(data.shape()),
          read_([](const void* self, std::span<const std::uint32_t> indices,
                   std::span<std::uint8_t> images, std::span<std::int32_t> labels) {
              static_cast<const D*>(self)->read(indices, images, labels);
          }) {
        check();
    }
    template <Dataset D>
        requires(!std::same_as<D, dataset_ref>)
    dataset_ref(const D&& data) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::int32_t classes() const noexcept { return classes_; }
    [[nodiscard]] image_shape shape() const noexcept { return shape_; }
    /// As Dataset, and checks what the data set did. Throws bad_input for an index beyond size(),
    /// for spans that do not fit, and for a label out of range.
    void read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
              std::span<std::int32_t> labels) const;

private:
    using read_function = void (*)(const void*, std::span<const std::uint32_t>,
                                   std::span<std::uint8_t>, std::span<std::int32_t>);
    void check() const;

    const void* data_;
    std::size_t size_;
    std::int32_t classes_;
    image_shape shape_;
    read_function read_;
};

}  // namespace lathe
