// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/glyphs.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "format/failure.hpp"
#include "lathe/core/hash.hpp"

using namespace lathe;

namespace {

image_data make(std::size_t train, std::size_t test, std::uint64_t seed = 1) {
    return make_glyphs({train, test, seed});
}

hash64 hash_of_pixels(const image_set& set) {
    hasher h;
    for (std::size_t i = 0; i < set.size(); ++i) h.add_bytes(std::as_bytes(set.image(i)));
    return h.value();
}

/// Share of `test` whose nearest image of `train`, by squared distance of the pixels, has its
/// label.
double nearest_neighbour_accuracy(const image_set& train, const image_set& test) {
    int hits = 0;
    for (std::size_t t = 0; t < test.size(); ++t) {
        std::int64_t best = std::numeric_limits<std::int64_t>::max();
        std::int32_t label = -1;
        for (std::size_t i = 0; i < train.size(); ++i) {
            std::int64_t distance = 0;
            for (std::size_t k = 0; k < 784; ++k) {
                const int d = test.image(t)[k] - train.image(i)[k];
                distance += d * d;
            }
            if (distance < best) {
                best = distance;
                label = train.label(i);
            }
        }
        hits += label == test.label(t);
    }
    return hits / static_cast<double>(test.size());
}

}  // namespace

TEST_CASE("the glyphs are these very bytes on every platform") {
    CHECK(to_hex(hash_of_pixels(make(500, 1).train)) == "826acd9488eabc7e");
}

TEST_CASE("an image depends on seed, part and number, not on how many are made") {
    const image_data few = make(30, 20);
    image_data many = make(100, 20);
    for (std::size_t i = 0; i < 30; ++i) {
        REQUIRE(std::ranges::equal(few.train.image(i), many.train.image(i)));
    }
    const image_set test = std::move(many.test).open();
    CHECK_FALSE(std::ranges::equal(test.image(0), many.train.image(0)));
    CHECK(hash_of_pixels(make(30, 1, 2).train) != hash_of_pixels(few.train));
}

TEST_CASE("classes are equally frequent and no image is empty or repeated") {
    const image_set set = make(1000, 1).train;
    std::array<int, 10> count{};
    std::vector<hash64> hashes;
    for (std::size_t i = 0; i < set.size(); ++i) {
        ++count[static_cast<std::size_t>(set.label(i))];
        const auto [low, high] = std::ranges::minmax(set.image(i));
        REQUIRE(high - low > 60);
        hashes.push_back(hasher().add_bytes(std::as_bytes(set.image(i))).value());
    }
    for (const int c : count) CHECK(c == 100);
    std::ranges::sort(hashes);
    CHECK(std::ranges::adjacent_find(hashes) == hashes.end());
}

TEST_CASE("comparing pixels does not solve the task, and is far better than chance") {
    image_data data = make(2000, 200);
    const double accuracy = nearest_neighbour_accuracy(data.train, std::move(data.test).open());
    CHECK(accuracy < 0.7);
    CHECK(accuracy > 0.2);
}

TEST_CASE("absurd numbers of images are refused") {
    CHECK_FAILS(make(0, 10), errc::bad_input, "glyphs", "0 images");
    CHECK_FAILS(make(10, (std::size_t{1} << 20) + 1), errc::bad_input, "1048577 images");
}
