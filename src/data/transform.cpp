// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/transform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/trivial_augment.hpp"
#include "lathe/core/error.hpp"

namespace lathe {

using detail::mirrored;

normalization measure_normalization(const dataset_ref& data,
                                    std::span<const std::uint32_t> indices) {
    if (indices.empty()) {
        throw error(errc::bad_input, "measure_normalization", "there are no images");
    }
    const auto channels = static_cast<std::size_t>(data.shape().channels);
    const std::size_t elements = data.shape().elements();
    std::vector<std::uint64_t> sum(channels);
    std::vector<std::uint64_t> squares(channels);
    std::vector<std::uint8_t> image(elements);
    std::int32_t label = 0;
    for (const auto index : indices) {
        data.read({&index, 1}, image, {&label, 1});
        for (std::size_t i = 0; i < elements; i += channels) {
            for (std::size_t c = 0; c < channels; ++c) {
                const std::uint64_t v = image[i + c];
                sum[c] += v;
                squares[c] += v * v;
            }
        }
    }
    const std::size_t pixels = elements / channels;
    const double n = static_cast<double>(pixels) * static_cast<double>(indices.size());
    normalization scale;
    for (std::size_t c = 0; c < channels; ++c) {
        const double mean = static_cast<double>(sum[c]) / n;
        const double variance = static_cast<double>(squares[c]) / n - mean * mean;
        scale.mean.push_back(static_cast<float>(mean));
        // Bytes that are not all equal have a variance of at least (n - 1) / n^2, far above
        // rounding.
        scale.deviation.push_back(variance > 1e-9 ? static_cast<float>(std::sqrt(variance)) : 1.0F);
    }
    return scale;
}

image_transform::image_transform(image_shape shape, const normalization& scale,
                                 augmentation changes)
    : shape_(shape), changes_(changes) {
    const auto channels = static_cast<std::size_t>(shape.channels);
    bool good = scale.mean.size() == channels && scale.deviation.size() == channels;
    for (std::size_t c = 0; good && c < channels; ++c) {
        good = std::isfinite(scale.mean[c]) && std::isfinite(scale.deviation[c]) &&
               scale.deviation[c] > 0.0F;
    }
    if (!good) {
        throw error(errc::bad_input, "image_transform",
                    fmt::format("normalisation with the means [{}] and deviations [{}]",
                                fmt::join(scale.mean, ", "), fmt::join(scale.deviation, ", ")),
                    fmt::format("give {} finite means and positive deviations", channels));
    }
    const std::int32_t side = std::min(shape.height, shape.width);
    for (const auto& [name, value] :
         {std::pair{"shift", changes.shift}, {"cutout", changes.cutout}}) {
        if (value < 0 || value > side) {
            throw error(errc::bad_input, "augmentation", fmt::format("{} is {}", name, value),
                        fmt::format("give a number of pixels from 0 to {}", side));
        }
    }
    for (std::int32_t x = 0; x < shape.width; ++x) {
        for (std::size_t c = 0; c < channels; ++c) {
            factor_.push_back(1.0F / scale.deviation[c]);
            term_.push_back(-scale.mean[c] / scale.deviation[c]);
        }
    }
}

void image_transform::plain(std::span<const std::uint8_t> image,
                            std::span<float> out) const noexcept {
    const std::size_t row = factor_.size();
    for (std::size_t begin = 0; begin < image.size(); begin += row) {
        for (std::size_t i = 0; i < row; ++i) {
            out[begin + i] = static_cast<float>(image[begin + i]) * factor_[i] + term_[i];
        }
    }
}

void image_transform::augmented(std::span<const std::uint8_t> image, rng random,
                                std::span<float> out) const {
    std::vector<std::uint8_t> changed;
    if (changes_.trivial_augment) {
        changed.assign(image.begin(), image.end());
        detail::trivial_augment(shape_, changed, random);
        image = changed;
    }
    const auto places = static_cast<std::uint32_t>(2 * changes_.shift + 1);
    const auto down = static_cast<std::int32_t>(random.below(places)) - changes_.shift;
    const auto right = static_cast<std::int32_t>(random.below(places)) - changes_.shift;
    const bool flip = changes_.flip == mirror::half_of_all && random.below(2) == 1;

    const auto channels = static_cast<std::size_t>(shape_.channels);
    const std::size_t row = factor_.size();
    for (std::int32_t y = 0; y < shape_.height; ++y) {
        const auto to = out.subspan(static_cast<std::size_t>(y) * row, row);
        const auto from = image.subspan(mirrored(y + down, shape_.height) * row, row);
        for (std::int32_t x = 0; x < shape_.width; ++x) {
            const std::int32_t seen = flip ? shape_.width - 1 - x : x;
            const std::size_t source = mirrored(seen + right, shape_.width) * channels;
            const std::size_t target = static_cast<std::size_t>(x) * channels;
            for (std::size_t c = 0; c < channels; ++c) {
                to[target + c] = static_cast<float>(from[source + c]) * factor_[c] + term_[c];
            }
        }
    }
    if (changes_.cutout > 0) cut_out(random, out);
}

void image_transform::cut_out(rng& random, std::span<float> out) const noexcept {
    // The centre is uniform over the image, so the square may stick out.
    const auto low = [&](std::int32_t size) {
        return static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(size))) -
               changes_.cutout / 2;
    };
    const std::int32_t top = low(shape_.height);
    const std::int32_t left = low(shape_.width);
    const auto channels = static_cast<std::size_t>(shape_.channels);
    const auto begin = static_cast<std::size_t>(std::max(0, left)) * channels;
    const auto end =
        static_cast<std::size_t>(std::min(shape_.width, left + changes_.cutout)) * channels;
    for (std::int32_t y = std::max(0, top); y < std::min(shape_.height, top + changes_.cutout);
         ++y) {
        const auto row = out.subspan(static_cast<std::size_t>(y) * factor_.size(), factor_.size());
        std::ranges::fill(row.subspan(begin, end - begin), 0.0F);
    }
}

}  // namespace lathe
