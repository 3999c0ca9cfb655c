// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/glyphs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

namespace lathe {
namespace {

constexpr std::int32_t side = 28;
constexpr std::int32_t classes = 10;

struct point {
    float x;
    float y;
};
using polyline = std::vector<point>;

/// The unit circle in sixteen steps, written out so that no platform's sine matters.
constexpr float c1 = 0.92387953F;
constexpr float c2 = 0.70710678F;
constexpr float c3 = 0.38268343F;
constexpr std::array<point, 16> circle{{{1, 0},
                                        {c1, c3},
                                        {c2, c2},
                                        {c3, c1},
                                        {0, 1},
                                        {-c3, c1},
                                        {-c2, c2},
                                        {-c1, c3},
                                        {-1, 0},
                                        {-c1, -c3},
                                        {-c2, -c2},
                                        {-c3, -c1},
                                        {0, -1},
                                        {c3, -c1},
                                        {c2, -c2},
                                        {c1, -c3}}};

/// `steps` sixteenths of the circle from position `first` on.
polyline arc(std::uint32_t first, std::uint32_t steps) {
    polyline line;
    for (std::uint32_t i = 0; i <= steps; ++i) line.push_back(circle[(first + i) % circle.size()]);
    return line;
}

/// The strokes of a class in the square [-1, 1]^2, y downwards.
std::vector<polyline> strokes(std::int32_t label, rng& random) {
    switch (label) {
        case 0: return {arc(0, 16)};
        case 1: return {arc(random.below(16), 12)};
        case 2: return {arc(0, 16), {{-0.9F, 0}, {0.9F, 0}}};
        case 3: return {arc(0, 16), {{0.35F, 0.35F}, {1.05F, 1.05F}}};
        case 4: return {{{0, -1}, {0.95F, 0.8F}, {-0.95F, 0.8F}, {0, -1}}};
        case 5:
            return {{{-0.8F, -0.8F}, {0.8F, -0.8F}, {0.8F, 0.8F}, {-0.8F, 0.8F}, {-0.8F, -0.8F}}};
        case 6: return {{{-0.85F, -0.9F}, {0, 0}}, {{0.85F, -0.9F}, {0, 0}}, {{0, 0}, {0, 1}}};
        case 7: return {{{-0.85F, -0.9F}, {0.85F, 0.9F}}, {{0.85F, -0.9F}, {-0.85F, 0.9F}}};
        case 8: return {{{-0.8F, -0.9F}, {0.8F, -0.9F}, {-0.8F, 0.9F}, {0.8F, 0.9F}}};
        default:
            return {{{0.8F, -0.6F},
                     {0.4F, -0.95F},
                     {-0.4F, -0.95F},
                     {-0.8F, -0.5F},
                     {-0.4F, -0.1F},
                     {0.4F, 0.1F},
                     {0.8F, 0.5F},
                     {0.4F, 0.95F},
                     {-0.4F, 0.95F},
                     {-0.8F, 0.6F}}};
    }
}

float between(rng& random, float low, float high) {
    return low + (high - low) * static_cast<float>(random.bits() >> 8) * 0x1.0p-24F;
}

/// Draws one image. All lengths are in pixels.
class canvas {
public:
    canvas() { nearest_.fill(std::numeric_limits<float>::max()); }

    /// Takes the segment from a to b into the squared distances of all pixels.
    void segment(point a, point b) noexcept {
        const float dx = b.x - a.x;
        const float dy = b.y - a.y;
        const float scale = 1.0F / std::max(dx * dx + dy * dy, 1e-6F);
        for (std::int32_t y = 0; y < side; ++y) {
            const float py = static_cast<float>(y) + 0.5F - a.y;
            float* const row = nearest_.data() + y * side;
            for (std::int32_t x = 0; x < side; ++x) {
                const float px = static_cast<float>(x) + 0.5F - a.x;
                float t = (px * dx + py * dy) * scale;
                t = t < 0.0F ? 0.0F : t;
                t = t > 1.0F ? 1.0F : t;
                const float ex = px - t * dx;
                const float ey = py - t * dy;
                const float d = ex * ex + ey * ey;
                row[x] = d < row[x] ? d : row[x];
            }
        }
    }

    /// Paints everything taken so far with a pen, and starts anew.
    void paint(float thickness, float ink) noexcept {
        for (std::size_t i = 0; i < value_.size(); ++i) {
            float cover = 0.5F + 0.5F * thickness - std::sqrt(nearest_[i]);
            cover = cover < 0.0F ? 0.0F : cover;
            cover = cover > 1.0F ? 1.0F : cover;
            value_[i] += cover * (ink - value_[i]);
            nearest_[i] = std::numeric_limits<float>::max();
        }
    }

    void fill(std::int32_t x, std::int32_t y, std::int32_t size, float value) noexcept {
        for (std::int32_t v = std::max(0, y); v < std::min(side, y + size); ++v) {
            for (std::int32_t u = std::max(0, x); u < std::min(side, x + size); ++u) {
                value_[static_cast<std::size_t>(v) * side + static_cast<std::size_t>(u)] = value;
            }
        }
    }

    /// Adds noise that is nearly normal (the sum of four uniform bytes) and rounds.
    void finish(rng& random, float low, float high, float noise,
                std::span<std::uint8_t> image) const noexcept {
        constexpr float unit = 1.0F / 147.8F;  // standard deviation of the sum
        for (std::size_t i = 0; i < value_.size(); ++i) {
            const std::uint32_t bits = random.bits();
            const auto sum = static_cast<std::int32_t>((bits & 255) + ((bits >> 8) & 255) +
                                                       ((bits >> 16) & 255) + (bits >> 24));
            const float v =
                low + (high - low) * value_[i] + noise * unit * static_cast<float>(sum - 510);
            image[i] = static_cast<std::uint8_t>(std::clamp(v, 0.0F, 255.0F) + 0.5F);
        }
    }

private:
    std::array<float, side * side> nearest_{};
    std::array<float, side * side> value_{};
};

/// Every draw is a statement or an element of a braced list: the order of arguments of a call is up
/// to the compiler, and the images must not be.
void draw(std::int32_t label, rng random, std::span<std::uint8_t> image) {
    constexpr float max_slant = 0.4F;
    constexpr float jitter = 0.08F;
    canvas paper;

    // Strokes that belong to nothing.
    const auto clutter = 1 + random.below(3);
    for (std::uint32_t i = 0; i < clutter; ++i) {
        const point a{between(random, 0, side), between(random, 0, side)};
        const point b{a.x + between(random, -5, 5), a.y + between(random, -5, 5)};
        paper.segment(a, b);
    }
    const float clutter_pen = between(random, 0.8F, 1.8F);
    const float clutter_ink = between(random, 0.35F, 0.7F);
    paper.paint(clutter_pen, clutter_ink);

    // A general linear map: size and slant along both axes.
    const float width = between(random, 6, 9);
    const float height = between(random, 6, 9);
    const float xy = between(random, -max_slant, max_slant) * width;
    const float yx = between(random, -max_slant, max_slant) * height;
    const point centre{side * 0.5F + between(random, -4, 4), side * 0.5F + between(random, -4, 4)};
    for (auto& line : strokes(label, random)) {
        for (auto& p : line) {
            const float x = p.x + between(random, -jitter, jitter);
            const float y = p.y + between(random, -jitter, jitter);
            p = {centre.x + width * x + xy * y, centre.y + yx * x + height * y};
        }
        for (std::size_t i = 1; i < line.size(); ++i) paper.segment(line[i - 1], line[i]);
    }
    paper.paint(between(random, 1.0F, 2.4F), 1.0F);

    const auto patch_x = static_cast<std::int32_t>(random.below(side)) - 1;
    const auto patch_y = static_cast<std::int32_t>(random.below(side)) - 1;
    paper.fill(patch_x, patch_y, 3, between(random, 0, 1));
    const float low = between(random, 10, 90);
    const float contrast = between(random, 100, 165);
    const float noise = between(random, 8, 22);
    paper.finish(random, low, low + contrast, noise, image);
}

image_set make_part(std::uint64_t seed, std::string_view part, std::size_t count) {
    constexpr std::size_t most = std::size_t{1} << 20;
    if (count < 1 || count > most) {
        throw error(errc::bad_input, "glyphs", fmt::format("{} images", count),
                    fmt::format("give a number from 1 to {}", most));
    }
    constexpr image_shape shape{side, side, 1};
    std::vector<std::uint8_t> pixels(count * shape.elements());
    std::vector<std::uint8_t> labels(count);
    for (std::size_t i = 0; i < count; ++i) {
        labels[i] = static_cast<std::uint8_t>(i % classes);
        draw(labels[i], rng(seed).child(part, i),
             std::span(pixels).subspan(i * shape.elements(), shape.elements()));
    }
    return {shape, classes, std::move(pixels), std::move(labels)};
}

}  // namespace

image_data make_glyphs(const glyph_options& options) {
    return {make_part(options.seed, "glyphs train", options.train),
            held_out<image_set>(make_part(options.seed, "glyphs test", options.test))};
}

}  // namespace lathe
