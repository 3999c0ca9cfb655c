// SPDX-License-Identifier: Apache-2.0
#include "data/trivial_augment.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "lathe/data/transform.hpp"

using namespace lathe;

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr image_shape colour{9, 7, 3};
constexpr std::uint32_t kinds = 12;

bytes random_image(image_shape shape, std::uint64_t seed) {
    rng random(seed);
    bytes image(shape.elements());
    for (auto& v : image) v = static_cast<std::uint8_t>(40 + random.below(150));
    return image;
}

bytes changed(image_shape shape, bytes image, rng random) {
    detail::trivial_augment(shape, image, random);
    return image;
}

/// Generators whose first draw is this kind of change, and the same generators after that draw.
struct drawn {
    rng before, after;
};
std::vector<drawn> drawing(std::uint32_t kind, std::size_t count) {
    std::vector<drawn> found;
    for (std::uint64_t seed = 0; found.size() < count; ++seed) {
        rng after(seed);
        if (after.below(kinds) == kind) found.push_back({rng(seed), after});
    }
    return found;
}

double up_to(rng& random, double most) {
    const double size = random.real() * most;
    return random.below(2) == 0 ? -size : size;
}

std::uint8_t rounded(double v) {
    return static_cast<std::uint8_t>(std::clamp(std::floor(v + 0.5), 0.0, 255.0));
}

int largest_difference(const bytes& a, const bytes& b) {
    int most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
    return most;
}

/// Bilinear, by the definition: every axis goes on as its own mirror image.
bytes sampled(image_shape s, const bytes& image, double xx, double xy, double yx, double yy) {
    const auto at = [&](int y, int x, int c) {
        const auto inside = [](int i, int size) {
            while (i < 0 || i >= size) i = i < 0 ? -i - 1 : 2 * size - i - 1;
            return i;
        };
        const int place = (inside(y, s.height) * s.width + inside(x, s.width)) * s.channels + c;
        return static_cast<double>(image[static_cast<std::size_t>(place)]);
    };
    bytes out;
    for (int row = 0; row < s.height; ++row) {
        for (int column = 0; column < s.width; ++column) {
            const double x = column - 0.5 * (s.width - 1);
            const double y = row - 0.5 * (s.height - 1);
            const double from_x = xx * x + xy * y + 0.5 * (s.width - 1);
            const double from_y = yx * x + yy * y + 0.5 * (s.height - 1);
            const int left = static_cast<int>(std::floor(from_x));
            const int top = static_cast<int>(std::floor(from_y));
            for (int c = 0; c < s.channels; ++c) {
                double sum = 0.0;
                for (const int dy : {0, 1}) {
                    for (const int dx : {0, 1}) {
                        sum += at(top + dy, left + dx, c) * (1.0 - std::abs(from_x - left - dx)) *
                               (1.0 - std::abs(from_y - top - dy));
                    }
                }
                out.push_back(rounded(sum));
            }
        }
    }
    return out;
}

}  // namespace

TEST_CASE("tones change by their definitions") {
    const bytes image = random_image(colour, 1);
    const double mean = std::accumulate(image.begin(), image.end(), 0.0) / double(image.size());
    const auto each = [&](std::uint32_t kind,
                          const std::function<double(rng&, std::size_t)>& tone) {
        CAPTURE(kind);
        for (const auto& [before, after] : drawing(kind, 20)) {
            bytes expected(image.size());
            for (std::size_t i = 0; i < image.size(); ++i) {
                rng same = after;
                expected[i] = rounded(tone(same, i));
            }
            CHECK(largest_difference(changed(colour, image, before), expected) <= 1);
        }
    };
    const auto value = [&](std::size_t i) { return static_cast<double>(image[i]); };
    const auto grey = [&](std::size_t i) {
        return (value(i / 3 * 3) + value(i / 3 * 3 + 1) + value(i / 3 * 3 + 2)) / 3.0;
    };
    each(0, [&](rng&, std::size_t i) { return value(i); });
    each(1, [&](rng& r, std::size_t i) { return (1.0 + up_to(r, 0.9)) * value(i); });
    each(2,
         [&](rng& r, std::size_t i) { return mean + (1.0 + up_to(r, 0.9)) * (value(i) - mean); });
    each(3, [&](rng& r, std::size_t i) {
        return grey(i) + (1.0 + up_to(r, 0.9)) * (value(i) - grey(i));
    });
}

TEST_CASE("fewer tones are fewer, or turned around above a threshold") {
    const bytes image = random_image(colour, 2);
    std::set<bool> seen;
    for (const auto& [before, after] : drawing(7, 40)) {
        rng r = after;
        const bool posterized = r.below(2) == 0;
        const double strength = r.real();
        const bytes out = changed(colour, image, before);
        seen.insert(posterized);
        for (std::size_t i = 0; i < image.size(); ++i) {
            if (posterized) {
                const int step = 1 << std::lround(6.0 * strength);
                CHECK(out[i] == image[i] / step * step);
            } else {
                CHECK(out[i] == (image[i] >= 255.0 * (1.0 - strength) ? 255 - image[i] : image[i]));
            }
        }
    }
    CHECK(seen.size() == 2);
}

TEST_CASE("full contrast and an equal histogram keep the order of each channel's values") {
    const bytes image = random_image(colour, 3);
    for (const std::uint32_t kind : {5U, 6U}) {
        const bytes out = changed(colour, image, drawing(kind, 1)[0].before);
        for (std::size_t c = 0; c < 3; ++c) {
            std::map<int, int> tone;
            for (std::size_t i = c; i < image.size(); i += 3) {
                const auto [at, fresh] = tone.emplace(image[i], out[i]);
                CHECK(at->second == out[i]);
            }
            int last = -1;
            double sum = 0.0;
            for (const auto& [from, to] : tone) {
                CHECK(to >= last);
                last = to;
            }
            if (kind == 5) {
                CHECK(tone.begin()->second == 0);
                CHECK(tone.rbegin()->second == 255);
                continue;
            }
            for (std::size_t i = c; i < out.size(); i += 3) sum += out[i];
            CHECK(sum / (9.0 * 7.0) == Approx(127.5).margin(1.0));
        }
    }
}

TEST_CASE("sharpness is against the mean of the neighbours, the border stays") {
    const bytes image = random_image(colour, 4);
    for (const auto& [before, after] : drawing(4, 10)) {
        rng r = after;
        const double kept = 1.0 + up_to(r, 0.9);
        bytes expected = image;
        for (std::size_t y = 1; y + 1 < 9; ++y) {
            for (std::size_t x = 1; x + 1 < 7; ++x) {
                for (std::size_t c = 0; c < 3; ++c) {
                    double blurred = 4.0 * image[(y * 7 + x) * 3 + c];
                    for (std::size_t v = y - 1; v <= y + 1; ++v) {
                        for (std::size_t u = x - 1; u <= x + 1; ++u) {
                            blurred += image[(v * 7 + u) * 3 + c];
                        }
                    }
                    blurred /= 13.0;
                    auto& pixel = expected[(y * 7 + x) * 3 + c];
                    pixel = rounded(blurred + kept * (pixel - blurred));
                }
            }
        }
        CHECK(largest_difference(changed(colour, image, before), expected) <= 1);
    }
}

TEST_CASE("turns, slants and zooms are samples between the pixels") {
    const bytes image = random_image(colour, 5);
    const auto check = [&](std::uint32_t kind, auto expected) {
        CAPTURE(kind);
        for (const auto& [before, after] : drawing(kind, 20)) {
            rng r = after;
            CHECK(largest_difference(changed(colour, image, before), expected(r)) <= 1);
        }
    };
    check(8, [&](rng& r) {
        const double angle = up_to(r, 0.524);
        return sampled(colour, image, std::cos(angle), -std::sin(angle), std::sin(angle),
                       std::cos(angle));
    });
    check(9, [&](rng& r) { return sampled(colour, image, 1.0, up_to(r, 0.3), 0.0, 1.0); });
    check(10, [&](rng& r) { return sampled(colour, image, 1.0, 0.0, up_to(r, 0.3), 1.0); });
    check(11, [&](rng& r) {
        const double scale = 1.0 + up_to(r, 0.3);
        return sampled(colour, image, scale, 0.0, 0.0, r.below(2) == 0 ? 1.0 : scale);
    });
}

TEST_CASE("images of every form are changed within their bounds, grey ones stay grey") {
    for (const image_shape s :
         {image_shape{1, 1, 1}, {1, 40, 3}, {40, 1, 1}, {2, 3, 4}, {28, 28, 1}}) {
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
            CHECK(changed(s, random_image(s, seed), rng(seed)).size() == s.elements());
        }
    }
    const bytes grey(colour.elements(), 128);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const bytes out = changed(colour, grey, rng(seed));
        CHECK(std::ranges::adjacent_find(out, std::not_equal_to<>()) == out.end());
    }
}

TEST_CASE("a transform changes images only when it is asked to, before it shifts them") {
    const bytes image = random_image(colour, 6);
    const normalization no_scale{{0, 0, 0}, {1, 1, 1}};
    const image_transform plain(colour, no_scale);
    const image_transform trivial(colour, no_scale, {.trivial_augment = true});
    int different = 0;
    for (std::uint64_t seed = 0; seed < 120; ++seed) {
        std::vector<float> a(image.size()), b(image.size());
        plain.augmented(image, rng(seed), a);
        trivial.augmented(image, rng(seed), b);
        CHECK(bytes(a.begin(), a.end()) == image);
        CHECK(bytes(b.begin(), b.end()) == changed(colour, image, rng(seed)));
        different += a != b;
    }
    CHECK((different > 90 && different < 120));  // one in twelve stays, and weak changes vanish
}
