// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "lathe/data/glyphs.hpp"
#include "lathe/testing/dataset.hpp"

using namespace lathe;
using Catch::Matchers::Contains;

namespace {

/// Wrong in one way.
struct faulty {
    enum class fault { none, empty, label, overrun, neighbours };
    fault kind = fault::none;

    [[nodiscard]] std::size_t size() const { return kind == fault::empty ? 0 : 9; }
    [[nodiscard]] std::int32_t classes() const { return 3; }
    [[nodiscard]] image_shape shape() const { return {2, 2, 1}; }
    void read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
              std::span<std::int32_t> labels) const {
        for (std::size_t i = 0; i < indices.size(); ++i) {
            for (std::size_t p = 0; p < 4; ++p) {
                images[4 * i + p] = static_cast<std::uint8_t>(
                    kind == fault::neighbours ? indices.size() : indices[i] + p);
            }
            labels[i] = static_cast<std::int32_t>(indices[i] % (kind == fault::label ? 4 : 3));
        }
        if (kind == fault::overrun) images.data()[images.size()] = 1;
    }
};

std::string complaints_about(faulty::fault kind) {
    return fmt::format("{}", fmt::join(testing::check_dataset(faulty{kind}), "\n"));
}

}  // namespace

TEST_CASE("image sets conform") {
    CHECK(testing::check_dataset(make_glyphs({.train = 100, .test = 10, .seed = 1}).train).empty());
}

TEST_CASE("the checks find what is wrong with a data set") {
    using enum faulty::fault;
    CHECK(complaints_about(none).empty());
    CHECK_THAT(complaints_about(empty), Contains("there are no images"));
    CHECK_THAT(complaints_about(label), Contains("has the label 3"));
    CHECK_THAT(complaints_about(overrun), Contains("beyond its spans"));
    CHECK_THAT(complaints_about(neighbours), Contains("depends on the other indices"));
}
