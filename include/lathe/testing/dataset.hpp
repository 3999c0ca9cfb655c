// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the Dataset concept, to be called from anybody's own tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lathe/data/concept.hpp"

namespace lathe::testing {

namespace detail {

struct images_read {
    std::vector<std::uint8_t> pixels;
    std::vector<std::int32_t> labels;
    bool within_bounds = true;

    friend bool operator==(const images_read&, const images_read&) = default;
};

/// Reads into spans with guards behind them.
template <Dataset D>
images_read read_guarded(const D& data, std::span<const std::uint32_t> indices) {
    constexpr std::uint8_t guard = 0xA5;
    const std::size_t pixels = indices.size() * data.shape().elements();
    images_read r{std::vector<std::uint8_t>(pixels + 1, guard),
                  std::vector<std::int32_t>(indices.size() + 1, -guard)};
    data.read(indices, std::span(r.pixels).first(pixels), std::span(r.labels).first(indices.size()));
    r.within_bounds = r.pixels.back() == guard && r.labels.back() == -guard;
    r.pixels.pop_back();
    r.labels.pop_back();
    return r;
}

}  // namespace detail

/// Reads up to 64 images, together and one by one, and returns what is wrong with the data set, one
/// sentence each: empty means that it conforms.
template <Dataset D>
[[nodiscard]] std::vector<std::string> check_dataset(const D& data) {
    std::vector<std::string> complaints;
    const auto size = static_cast<std::size_t>(data.size());
    const auto classes = static_cast<std::int32_t>(data.classes());
    const image_shape shape = data.shape();
    if (size == 0) complaints.emplace_back("there are no images");
    if (classes < 1) complaints.emplace_back("there are no classes");
    if (shape.height < 1 || shape.width < 1 || shape.channels < 1) {
        complaints.emplace_back("the shape is empty");
    }
    if (!complaints.empty()) return complaints;

    std::vector<std::uint32_t> some;  // from both ends, out of order
    for (std::size_t i = 0; i < std::min<std::size_t>(size, 64); ++i) {
        some.push_back(static_cast<std::uint32_t>(i % 2 == 0 ? size - 1 - i / 2 : i / 2));
    }
    const auto together = detail::read_guarded(data, some);
    if (!together.within_bounds) complaints.emplace_back("read() writes beyond its spans");
    if (!(together == detail::read_guarded(data, some))) {
        complaints.emplace_back("the same indices give other images");
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
        const std::string name = "image " + std::to_string(some[i]);
        if (together.labels[i] < 0 || together.labels[i] >= classes) {
            complaints.push_back(name + " has the label " + std::to_string(together.labels[i]));
        }
        const auto alone = detail::read_guarded(data, std::span(some).subspan(i, 1));
        const auto pixels = std::span(together.pixels).subspan(i * shape.elements(), shape.elements());
        if (!std::ranges::equal(alone.pixels, pixels) || alone.labels[0] != together.labels[i]) {
            complaints.push_back(name + " depends on the other indices of the call");
        }
    }
    return complaints;
}

}  // namespace lathe::testing
