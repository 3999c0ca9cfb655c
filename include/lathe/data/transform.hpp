// SPDX-License-Identifier: Apache-2.0
// From stored bytes to the floats that a network reads: normalisation, augmentation, resizing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/data/concept.hpp"

namespace lathe {

/// Per channel, in units of the stored bytes (0 to 255): input = (byte - mean) / deviation.
struct normalization {
    std::vector<float> mean;
    std::vector<float> deviation;

    friend bool operator==(const normalization&, const normalization&) = default;
};

/// Mean and standard deviation over the images `indices`, from exact integer sums. A constant
/// channel gets the deviation 1. Throws bad_input when there is no image.
[[nodiscard]] normalization measure_normalization(const dataset_ref& data,
                                                  std::span<const std::uint32_t> indices);

enum class mirror : std::uint8_t {
    never,       ///< digits and letters change their meaning
    half_of_all  ///< left and right are swapped with probability 1/2
};

/// Random changes to training images; the default changes nothing.
struct augmentation {
    /// Crop out of the image that goes on as its own mirror image by this much, in pixels: a border
    /// of one colour would be seen in training alone.
    std::int32_t shift = 0;
    mirror flip = mirror::never;
    std::int32_t cutout = 0;  ///< side of a square that is set to the mean (DeVries, Taylor 2017)
    /// One change of colour or geometry to each image, or none, drawn with its strength from all
    /// that there are (Mueller, Hutter, TrivialAugment, 2021): for trainings that see every image
    /// many times.
    bool trivial_augment = false;
};

/// Converts one image after the other. Thread-safe.
class image_transform {
public:
    /// Throws bad_input when the normalisation does not fit the channels or is not finite with
    /// positive deviations, or when an augmentation is negative or larger than the image.
    image_transform(image_shape shape, const normalization& scale, augmentation changes = {});

    [[nodiscard]] image_shape shape() const noexcept { return shape_; }

    /// Normalises without augmentation. Both spans hold shape().elements(), height x width x
    /// channels.
    void plain(std::span<const std::uint8_t> image, std::span<float> out) const noexcept;
    /// Normalises and augments; the outcome depends on the image and the state of `random` alone.
    void augmented(std::span<const std::uint8_t> image, rng random, std::span<float> out) const;

private:
    void cut_out(rng& random, std::span<float> out) const noexcept;

    image_shape shape_;
    augmentation changes_;
    // One factor and one term for each element of a row, so that the loop over it is a plain one.
    std::vector<float> factor_;
    std::vector<float> term_;
};

/// Bilinear with half-pixel centres, edge pixels repeated: `images` holds `count` images of `from`,
/// `out` as many of `to`. Precondition: the spans fit and from.channels == to.channels. Throws
/// bad_input otherwise.
void resize_bilinear(std::span<const float> images, std::size_t count, image_shape from,
                     std::span<float> out, image_shape to);

}  // namespace lathe
