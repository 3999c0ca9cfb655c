// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/transform.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "format/failure.hpp"
#include "lathe/data/image_set.hpp"

using namespace lathe;

namespace {

constexpr image_shape rectangle{5, 7, 3};

std::vector<std::uint8_t> random_image(image_shape shape, std::uint64_t seed) {
    rng random(seed);
    std::vector<std::uint8_t> image(shape.elements());
    for (auto& v : image) v = static_cast<std::uint8_t>(random.below(256));
    return image;
}

std::vector<float> random_floats(std::size_t n, std::uint64_t seed) {
    rng random(seed);
    std::vector<float> values(n);
    for (auto& v : values) v = static_cast<float>(random.normal());
    return values;
}

const normalization no_scale{{0, 0, 0}, {1, 1, 1}};

std::vector<float> augmented(const image_transform& t, std::span<const std::uint8_t> image,
                             rng random) {
    std::vector<float> out(image.size(), -1.0F);
    t.augmented(image, random, out);
    return out;
}

/// The element-wise definition of a shift and a mirror, on raw bytes: an axis goes on beyond its
/// ends as 2 1 0 | 0 1 2.
std::vector<float> shifted(std::span<const std::uint8_t> image, image_shape s, int down, int right,
                           bool flip) {
    const auto inside = [](int i, int size) {
        while (i < 0 || i >= size) i = i < 0 ? -i - 1 : 2 * size - i - 1;
        return i;
    };
    std::vector<float> out;
    for (int y = 0; y < s.height; ++y) {
        for (int x = 0; x < s.width; ++x) {
            const int from_y = inside(y + down, s.height);
            const int from_x = inside((flip ? s.width - 1 - x : x) + right, s.width);
            for (int c = 0; c < s.channels; ++c) {
                const auto at =
                    static_cast<std::size_t>((from_y * s.width + from_x) * s.channels + c);
                out.push_back(static_cast<float>(image[at]));
            }
        }
    }
    return out;
}

}  // namespace

TEST_CASE("the normalisation is that of the chosen images") {
    const image_set set({1, 2, 2}, 2, {10, 1, 20, 1, 30, 1, 40, 1, 200, 99, 200, 99}, {0, 1, 0});
    const std::vector<std::uint32_t> first_two{0, 1};
    const normalization n = measure_normalization(set, first_two);
    CHECK(n.mean == std::vector<float>{25, 1});
    CHECK(n.deviation[0] == Approx(std::sqrt(125.0)));
    CHECK(n.deviation[1] == 1.0F);
    CHECK_FAILS(measure_normalization(set, {}), errc::bad_input, "no images");
    const std::vector<std::uint32_t> beyond{3};
    CHECK_FAILS(measure_normalization(set, beyond), errc::bad_input, "no image 3");
}

TEST_CASE("a plain conversion subtracts the mean and divides by the deviation") {
    const auto image = random_image(rectangle, 1);
    const normalization scale{{10, 120, 200}, {2, 50, 7}};
    std::vector<float> out(image.size());
    image_transform(rectangle, scale).plain(image, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t c = i % 3;
        REQUIRE(out[i] == Approx((image[i] - scale.mean[c]) / scale.deviation[c]).margin(1e-5));
    }
}

TEST_CASE("without changes, augmenting is converting") {
    const auto image = random_image(rectangle, 2);
    const image_transform t(rectangle, no_scale);
    std::vector<float> out(image.size());
    t.plain(image, out);
    CHECK(augmented(t, image, rng(3)) == out);
}

TEST_CASE("every shift and mirror is one of the expected ones, and all of them occur") {
    const auto image = random_image(rectangle, 4);
    for (const mirror flip : {mirror::never, mirror::half_of_all}) {
        const int shift = 2;
        const image_transform t(rectangle, no_scale, {shift, flip, 0});
        std::vector<std::vector<float>> expected;
        for (int down = -shift; down <= shift; ++down) {
            for (int right = -shift; right <= shift; ++right) {
                expected.push_back(shifted(image, rectangle, down, right, false));
                if (flip == mirror::half_of_all) {
                    expected.push_back(shifted(image, rectangle, down, right, true));
                }
            }
        }
        std::vector<int> seen(expected.size());
        const int draws = 4000;
        for (int i = 0; i < draws; ++i) {
            const auto at = std::ranges::find(expected, augmented(t, image, rng(5, i)));
            REQUIRE(at != expected.end());
            ++seen[static_cast<std::size_t>(at - expected.begin())];
        }
        const int fair = draws / static_cast<int>(expected.size());
        for (const int n : seen) CHECK(std::abs(n - fair) < fair / 2);
    }
}

TEST_CASE("an image can be shifted by as much as its side") {
    const auto image = random_image({5, 5, 1}, 8);
    const image_transform t({5, 5, 1}, {{0}, {1}}, {5, mirror::never, 0});
    for (std::uint64_t i = 0; i < 200; ++i) {
        const auto out = augmented(t, image, rng(i));
        const bool known = [&] {
            for (int down = -5; down <= 5; ++down) {
                for (int right = -5; right <= 5; ++right) {
                    if (out == shifted(image, {5, 5, 1}, down, right, false)) return true;
                }
            }
            return false;
        }();
        REQUIRE(known);
    }
}

TEST_CASE("the hole of a cutout is the mean") {
    const image_shape shape{6, 6, 1};
    const std::vector<std::uint8_t> image(36, 100);
    const normalization scale{{40}, {20}};
    std::vector<int> hit(36);
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto out =
            augmented(image_transform(shape, scale, {0, mirror::never, 3}), image, rng(i));
        const auto hole = std::ranges::count(out, 0.0F);
        REQUIRE((hole == 9 || hole == 6 || hole == 4));
        REQUIRE(hole + std::ranges::count(out, 3.0F) == 36);
        for (std::size_t k = 0; k < 36; ++k) hit[k] += out[k] == 0.0F;
    }
    CHECK(*std::ranges::min_element(hit) > 100);
}

TEST_CASE("the outcome depends on the image and the generator alone") {
    const auto image = random_image(rectangle, 6);
    const image_transform t(rectangle, no_scale, {2, mirror::half_of_all, 2});
    CHECK(augmented(t, image, rng(7)) == augmented(t, image, rng(7)));
    CHECK(augmented(t, image, rng(7)) != augmented(t, image, rng(8)));
}

TEST_CASE("a transform that cannot work is refused") {
    CHECK_FAILS(image_transform(rectangle, {{0, 0}, {1, 1}}), errc::bad_input, "3 finite means");
    CHECK_FAILS(image_transform(rectangle, {{0, 0, 0}, {1, 0, 1}}), errc::bad_input, "positive");
    CHECK_FAILS(image_transform(rectangle, {{0, std::nanf(""), 0}, {1, 1, 1}}), errc::bad_input,
                "nan");
    CHECK_FAILS(image_transform(rectangle, no_scale, {6, mirror::never, 0}), errc::bad_input,
                "shift is 6", "0 to 5");
    CHECK_FAILS(image_transform(rectangle, no_scale, {0, mirror::never, -1}), errc::bad_input,
                "cutout is -1");
}

TEST_CASE("resizing agrees with the plain definition of bilinear interpolation") {
    for (const auto& [from, to] : {std::pair{image_shape{28, 28, 1}, image_shape{24, 24, 1}},
                                   {image_shape{28, 28, 1}, image_shape{32, 32, 1}},
                                   {image_shape{5, 7, 3}, image_shape{9, 4, 3}},
                                   {image_shape{1, 1, 2}, image_shape{3, 2, 2}},
                                   {image_shape{4, 6, 2}, image_shape{1, 1, 2}}}) {
        const std::size_t count = 3;
        const auto in = random_floats(count * from.elements(), 9);
        std::vector<float> out(count * to.elements());
        resize_bilinear(in, count, from, out, to);
        std::size_t i = 0;
        for (std::size_t n = 0; n < count; ++n) {
            const auto pixel = [&](int y, int x, int c) {
                y = std::clamp(y, 0, from.height - 1);
                x = std::clamp(x, 0, from.width - 1);
                return static_cast<double>(
                    in[n * from.elements() +
                       static_cast<std::size_t>((y * from.width + x) * from.channels + c)]);
            };
            for (int y = 0; y < to.height; ++y) {
                for (int x = 0; x < to.width; ++x) {
                    const double v = (y + 0.5) * from.height / to.height - 0.5;
                    const double u = (x + 0.5) * from.width / to.width - 0.5;
                    const int top = static_cast<int>(std::floor(v));
                    const int left = static_cast<int>(std::floor(u));
                    for (int c = 0; c < to.channels; ++c, ++i) {
                        const double upper = pixel(top, left, c) * (left + 1 - u) +
                                             pixel(top, left + 1, c) * (u - left);
                        const double lower = pixel(top + 1, left, c) * (left + 1 - u) +
                                             pixel(top + 1, left + 1, c) * (u - left);
                        REQUIRE(out[i] ==
                                Approx(upper * (top + 1 - v) + lower * (v - top)).margin(1e-5));
                    }
                }
            }
        }
    }
}

TEST_CASE("resizing to the same size copies, and a constant stays constant") {
    const auto in = random_floats(2 * rectangle.elements(), 3);
    std::vector<float> out(in.size());
    resize_bilinear(in, 2, rectangle, out, rectangle);
    CHECK(out == in);
    const std::vector<float> same(28 * 28, 0.7F);
    std::vector<float> small(24 * 24);
    resize_bilinear(same, 1, {28, 28, 1}, small, {24, 24, 1});
    CHECK(std::ranges::all_of(small, [](float v) { return v == 0.7F; }));
}

TEST_CASE("sizes that do not fit are refused") {
    std::vector<float> a(12);
    std::vector<float> b(12);
    CHECK_FAILS(resize_bilinear(a, 1, {2, 2, 3}, b, {2, 6, 1}), errc::bad_input, "channels");
    CHECK_FAILS(resize_bilinear(a, 2, {2, 2, 3}, b, {2, 2, 3}), errc::bad_input,
                "12 and 12 values");
}
