// SPDX-License-Identifier: Apache-2.0
#include "data/trivial_augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace lathe::detail {
namespace {

constexpr float most_blend = 0.9F;   // away from the image itself, towards or beyond another one
constexpr float most_turn = 0.524F;  // radians: 30 degrees
constexpr float most_slant = 0.3F;   // pixels per pixel
constexpr float most_zoom = 0.3F;
constexpr float fewest_bits = 2.0F;

using table = std::array<std::uint8_t, 256>;

std::uint8_t to_byte(float v) {
    return static_cast<std::uint8_t>(std::clamp(v + 0.5F, 0.0F, 255.0F));
}

template <class Tone>
table tabulate(Tone tone) {
    table t;
    for (std::size_t v = 0; v < t.size(); ++v) t[v] = to_byte(tone(static_cast<float>(v)));
    return t;
}

/// Where an output pixel is found: its distances from the centre times a matrix.
struct turn_or_slant {
    float x_of_x = 1.0F, x_of_y = 0.0F;
    float y_of_x = 0.0F, y_of_y = 1.0F;
};

class change {
public:
    change(image_shape shape, std::span<std::uint8_t> image, rng& random)
        : shape_(shape),
          channels_(static_cast<std::size_t>(shape.channels)),
          image_(image),
          random_(random) {}

    void at_random() {
        constexpr std::uint32_t kinds = 12;
        switch (random_.below(kinds)) {
            case 0:
                return;
            case 1:
                return brightness();
            case 2:
                return contrast();
            case 3:
                return saturation();
            case 4:
                return sharpness();
            case 5:
                return full_contrast();
            case 6:
                return equal_histogram();
            case 7:
                return random_.below(2) == 0 ? posterize() : solarize();
            case 8:
                return turn();
            case 9:
                return warp({.x_of_y = up_to(most_slant)});
            case 10:
                return warp({.y_of_x = up_to(most_slant)});
            default:
                return zoom();
        }
    }

private:
    float strength() { return static_cast<float>(random_.real()); }
    /// Of either sign.
    float up_to(float most) {
        const float size = strength() * most;
        return random_.below(2) == 0 ? -size : size;
    }
    /// 1 is the image itself, 0 the other one.
    float share_kept() { return 1.0F + up_to(most_blend); }

    void map(const table& tones) {
        for (auto& v : image_) v = tones[v];
    }
    /// Another table for each channel, made from how often each value occurs.
    template <class Make>
    void map_channels(Make make) {
        for (std::size_t c = 0; c < channels_; ++c) {
            std::array<int, 256> count{};
            for (std::size_t i = c; i < image_.size(); i += channels_) ++count[image_[i]];
            const table tones = make(count);
            for (std::size_t i = c; i < image_.size(); i += channels_) image_[i] = tones[image_[i]];
        }
    }

    void brightness() {
        const float kept = share_kept();
        map(tabulate([&](float v) { return kept * v; }));
    }
    void contrast() {
        const float kept = share_kept();
        const auto sum = std::accumulate(image_.begin(), image_.end(), std::int64_t{0});
        const float mean = static_cast<float>(sum) / static_cast<float>(image_.size());
        map(tabulate([&](float v) { return mean + kept * (v - mean); }));
    }
    void saturation() {
        const float kept = share_kept();
        for (std::size_t i = 0; i < image_.size(); i += channels_) {
            const auto pixel = image_.subspan(i, channels_);
            const float grey = static_cast<float>(std::accumulate(pixel.begin(), pixel.end(), 0)) /
                               static_cast<float>(channels_);
            for (auto& v : pixel) v = to_byte(grey + kept * (static_cast<float>(v) - grey));
        }
    }
    /// Against a blurred image; the border stays as it is.
    void sharpness() {
        const float kept = share_kept();
        const std::vector<std::uint8_t> from(image_.begin(), image_.end());
        const std::size_t row = static_cast<std::size_t>(shape_.width) * channels_;
        constexpr float centre = 5.0F;
        for (std::size_t top = 0; top + 2 * row < from.size(); top += row) {
            for (std::size_t i = top; i + 2 * channels_ < top + row; ++i) {
                const std::size_t middle = i + row + channels_;
                float sum = (centre - 1.0F) * static_cast<float>(from[middle]);
                for (std::size_t y = 0; y < 3; ++y) {
                    for (std::size_t x = 0; x < 3; ++x) {
                        sum += static_cast<float>(from[i + y * row + x * channels_]);
                    }
                }
                const float blurred = sum / (centre + 8.0F);
                image_[middle] =
                    to_byte(blurred + kept * (static_cast<float>(from[middle]) - blurred));
            }
        }
    }
    void full_contrast() {
        map_channels([](const std::array<int, 256>& count) {
            const auto used = [](int n) { return n > 0; };
            const auto low = std::ranges::find_if(count, used) - count.begin();
            const auto high = count.rend() - std::find_if(count.rbegin(), count.rend(), used) - 1;
            const float range = static_cast<float>(std::max<std::ptrdiff_t>(high - low, 1));
            return tabulate(
                [&](float v) { return (v - static_cast<float>(low)) * 255.0F / range; });
        });
    }
    void equal_histogram() {
        map_channels([](const std::array<int, 256>& count) {
            const auto all = static_cast<float>(std::accumulate(count.begin(), count.end(), 0));
            float below = 0.0F;
            return tabulate([&, i = std::size_t{0}](float) mutable {
                const auto here = static_cast<float>(count[i++]);
                const float rank = below + 0.5F * here;
                below += here;
                return rank * 255.0F / all;
            });
        });
    }
    void posterize() {
        const auto dropped = static_cast<unsigned>(std::lround((8.0F - fewest_bits) * strength()));
        map(tabulate([&](float v) {
            return static_cast<float>(static_cast<unsigned>(v) >> dropped << dropped);
        }));
    }
    void solarize() {
        const float threshold = 255.0F * (1.0F - strength());
        map(tabulate([&](float v) { return v >= threshold ? 255.0F - v : v; }));
    }
    void turn() {
        const float angle = up_to(most_turn);
        warp({std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)});
    }
    /// Of the width, and of the height half of the times.
    void zoom() {
        const float scale = 1.0F + up_to(most_zoom);
        warp({.x_of_x = scale, .y_of_y = random_.below(2) == 0 ? 1.0F : scale});
    }

    /// Bilinear; the image goes on as its own mirror image.
    void warp(const turn_or_slant& m) {
        const std::vector<std::uint8_t> from(image_.begin(), image_.end());
        const float middle_x = static_cast<float>(shape_.width - 1) / 2.0F;
        const float middle_y = static_cast<float>(shape_.height - 1) / 2.0F;
        auto* out = image_.data();
        for (std::int32_t row = 0; row < shape_.height; ++row) {
            const float y = static_cast<float>(row) - middle_y;
            for (std::int32_t column = 0; column < shape_.width; ++column) {
                const float x = static_cast<float>(column) - middle_x;
                sample(from, m.x_of_x * x + m.x_of_y * y + middle_x,
                       m.y_of_x * x + m.y_of_y * y + middle_y, out);
                out += channels_;
            }
        }
    }
    void sample(const std::vector<std::uint8_t>& from, float x, float y, std::uint8_t* out) const {
        const auto left = static_cast<std::int32_t>(std::floor(x));
        const auto top = static_cast<std::int32_t>(std::floor(y));
        const float right_share = x - static_cast<float>(left);
        const float low_share = y - static_cast<float>(top);
        const auto mix = [](float a, float b, float share) { return a + share * (b - a); };
        for (std::size_t c = 0; c < channels_; ++c) {
            const auto at = [&](std::int32_t row, std::int32_t column) {
                return static_cast<float>(from[place(row, column) + c]);
            };
            out[c] =
                to_byte(mix(mix(at(top, left), at(top, left + 1), right_share),
                            mix(at(top + 1, left), at(top + 1, left + 1), right_share), low_share));
        }
    }
    /// Turns of long images reach farther outside than one length of the short axis: there its edge
    /// goes on.
    [[nodiscard]] std::size_t place(std::int32_t row, std::int32_t column) const {
        const auto inside = [](std::int32_t i, std::int32_t size) {
            return mirrored(std::clamp(i, -size, 2 * size - 1), size);
        };
        return (inside(row, shape_.height) * static_cast<std::size_t>(shape_.width) +
                inside(column, shape_.width)) *
               channels_;
    }

    image_shape shape_;
    std::size_t channels_;
    std::span<std::uint8_t> image_;
    rng& random_;
};

}  // namespace

void trivial_augment(image_shape shape, std::span<std::uint8_t> image, rng& random) {
    change(shape, image, random).at_random();
}

}  // namespace lathe::detail
