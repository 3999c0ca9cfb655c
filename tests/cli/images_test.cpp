// SPDX-License-Identifier: Apache-2.0
#include "cli/images.hpp"

#include <catch2/catch.hpp>

using namespace lathe;
using namespace lathe::cli;

namespace {

data_settings glyphs(std::int32_t shift) {
    data_settings s;
    s.glyphs.train = 500;
    s.glyphs.test = 20;
    s.recalibration = 37;
    s.changes.shift = shift;
    return s;
}

}  // namespace

TEST_CASE("recalibration images are changed as in training, validation images are not") {
    const search_images still(glyphs(0));
    const search_images moved(glyphs(2));
    CHECK(still.recalibration().size() == 37);
    CHECK(moved.recalibration().size() == 37);
    CHECK(moved.recalibration().content() == search_images(glyphs(2)).recalibration().content());
    CHECK(moved.recalibration().content() != still.recalibration().content());
    CHECK(moved.validation().content() == still.validation().content());
}
