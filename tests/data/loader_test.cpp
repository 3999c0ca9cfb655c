// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/loader.hpp"

#include <signal.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "format/failure.hpp"
#include "lathe/data/image_set.hpp"
#include "lathe/data/split.hpp"

using namespace lathe;

namespace {

constexpr image_shape shape{4, 5, 2};
const normalization no_scale{{0, 0}, {1, 1}};

/// Image i is filled with a pattern from which i can be read back; its label is i % 7.
image_set numbered(std::size_t n) {
    std::vector<std::uint8_t> pixels;
    std::vector<std::uint8_t> labels;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < shape.elements(); ++k) {
            pixels.push_back(static_cast<std::uint8_t>((i * 31 + k * 7) % 251));
        }
        labels.push_back(static_cast<std::uint8_t>(i % 7));
    }
    return {shape, 7, std::move(pixels), std::move(labels)};
}

std::vector<std::uint32_t> all_of(std::size_t n) {
    std::vector<std::uint32_t> indices(n);
    std::iota(indices.begin(), indices.end(), 0U);
    return indices;
}

struct stored_batch {
    batch_position position;
    std::vector<float> images;
    std::vector<std::int32_t> labels;

    friend bool operator==(const stored_batch&, const stored_batch&) = default;
};

stored_batch keep(const image_batch& b) {
    return {b.position, {b.images.begin(), b.images.end()}, {b.labels.begin(), b.labels.end()}};
}

std::vector<stored_batch> take(loader& l, int n) {
    std::vector<stored_batch> list;
    for (int i = 0; i < n; ++i) list.push_back(keep(l.next()));
    return list;
}

batch_reader reader_of(const image_set& data, std::int32_t batch, std::uint64_t seed = 1) {
    return {data,
            all_of(data.size()),
            no_scale,
            {batch, batch_order::training, {1, mirror::half_of_all, 2}, seed}};
}

}  // namespace

TEST_CASE("an epoch of training has each image at most once, in a new order each time") {
    const image_set data = numbered(23);
    batch_reader reader(data, all_of(23), no_scale, {5, batch_order::training, {}, 1});
    REQUIRE(reader.steps_per_epoch() == 4);
    std::set<std::vector<float>> known;
    std::vector<float> plain(shape.elements());
    for (std::size_t i = 0; i < 23; ++i) {
        image_transform(shape, no_scale).plain(data.image(i), plain);
        known.insert(plain);
    }
    REQUIRE(known.size() == 23);
    std::vector<std::vector<float>> first_of_epoch;
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        std::set<std::vector<float>> seen;
        for (std::uint64_t step = 0; step < 4; ++step) {
            std::vector<float> images(5 * shape.elements());
            std::vector<std::int32_t> labels(5);
            REQUIRE(reader.read({epoch, step}, images, labels) == 5);
            for (std::size_t i = 0; i < 5; ++i) {
                const auto from =
                    images.begin() + static_cast<std::ptrdiff_t>(i * shape.elements());
                const std::vector<float> image(
                    from, from + static_cast<std::ptrdiff_t>(shape.elements()));
                REQUIRE(known.contains(image));
                seen.insert(image);
            }
            if (step == 0) first_of_epoch.push_back(images);
        }
        CHECK(seen.size() == 20);
    }
    CHECK(first_of_epoch[0] != first_of_epoch[1]);
    CHECK(first_of_epoch[1] != first_of_epoch[2]);
}

TEST_CASE("an evaluation has every image once, in order, the last batch with fewer") {
    const image_set data = numbered(13);
    const std::vector<std::uint32_t> some{12, 3, 3, 0, 7};
    loader l(batch_reader(data, some, no_scale,
                          {2, batch_order::evaluation, {1, mirror::half_of_all, 2}, 1}));
    CHECK(l.steps_per_epoch() == 3);
    std::vector<std::int32_t> labels;
    for (int round = 0; round < 2; ++round) {
        for (int step = 0; step < 3; ++step) {
            const image_batch b = l.next();
            CHECK(b.count == (step == 2 ? 1 : 2));
            CHECK(b.images.size() == static_cast<std::size_t>(b.count) * shape.elements());
            CHECK(b.labels.size() == static_cast<std::size_t>(b.count));
            labels.insert(labels.end(), b.labels.begin(), b.labels.end());
            CHECK(b.images[0] == data.image(some[static_cast<std::size_t>(2 * step)])[0]);
        }
    }
    CHECK(labels == std::vector<std::int32_t>{5, 3, 3, 0, 0, 5, 3, 3, 0, 0});
}

TEST_CASE("an image looks the same in an epoch whatever the batch size and the order of calls") {
    const image_set data = numbered(24);
    const auto images_of_epoch = [&](std::int32_t batch, bool backwards) {
        batch_reader reader = reader_of(data, batch);
        std::map<std::int32_t, std::multiset<std::vector<float>>> by_label;
        for (std::uint64_t k = 0; k < reader.steps_per_epoch(); ++k) {
            std::vector<float> images(static_cast<std::size_t>(batch) * shape.elements());
            std::vector<std::int32_t> labels(static_cast<std::size_t>(batch));
            reader.read({2, backwards ? reader.steps_per_epoch() - 1 - k : k}, images, labels);
            for (std::size_t i = 0; i < labels.size(); ++i) {
                const auto from =
                    images.begin() + static_cast<std::ptrdiff_t>(i * shape.elements());
                by_label[labels[i]].emplace(from,
                                            from + static_cast<std::ptrdiff_t>(shape.elements()));
            }
        }
        return by_label;
    };
    const auto expected = images_of_epoch(4, false);
    CHECK(images_of_epoch(8, false) == expected);
    CHECK(images_of_epoch(3, true) == expected);
}

TEST_CASE("the loader gives what the reader gives, and goes on from any position bit for bit") {
    const image_set data = numbered(23);
    loader whole(reader_of(data, 5));
    const auto batches = take(whole, 11);
    CHECK(whole.position() == batch_position{2, 3});

    batch_reader reader = reader_of(data, 5);
    batch_position at;
    for (const auto& b : batches) {
        stored_batch direct{at, std::vector<float>(5 * shape.elements()),
                            std::vector<std::int32_t>(5)};
        reader.read(at, direct.images, direct.labels);
        REQUIRE(b == direct);
        at = reader.following(at);
    }

    for (const int done : {0, 1, 3, 4, 7}) {
        loader first(reader_of(data, 5));
        take(first, done);
        loader resumed(reader_of(data, 5), first.position());
        const auto rest = take(resumed, 11 - done);
        CHECK(std::equal(rest.begin(), rest.end(), batches.begin() + done, batches.end()));
    }
    loader other(reader_of(data, 5, 2));
    CHECK(take(other, 1) != take(whole, 1));
}

TEST_CASE("an unused loader ends, a moved one goes on") {
    const image_set data = numbered(23);
    for (int i = 0; i < 100; ++i) loader unused(reader_of(data, 5));
    loader a(reader_of(data, 5));
    const auto first = take(a, 1);
    loader b = std::move(a);
    const auto second = take(b, 1);
    CHECK(second[0].position == batch_position{0, 1});
    CHECK(second[0] != first[0]);
}

TEST_CASE("an exception of the data set arrives after the batches before it, and every time") {
    function_dataset data(12, shape, 7,
                          [](std::uint32_t i, std::span<std::uint8_t>) -> std::int32_t {
                              if (i == 9) throw std::out_of_range("nine");
                              return 0;
                          });
    loader l(batch_reader(data, all_of(12), no_scale, {3, batch_order::evaluation, {}, 1}));
    for (int i = 0; i < 3; ++i) CHECK(l.next().position.step == static_cast<std::uint64_t>(i));
    CHECK_THROWS_AS(l.next(), std::out_of_range);
    CHECK_THROWS_AS(l.next(), std::out_of_range);
    CHECK(l.position() == batch_position{0, 3});
}

TEST_CASE("a label out of range is named with its image") {
    function_dataset data(
        5, shape, 3, [](std::uint32_t i, std::span<std::uint8_t>) { return std::int32_t(i) - 1; });
    loader l(batch_reader(data, {2, 0}, no_scale, {2, batch_order::evaluation, {}, 1}));
    CHECK_FAILS(l.next(), errc::bad_input, "image 0", "label -1", "0 to 2");
}

TEST_CASE("handlers run on the application's threads, but the loader's own faults are reported") {
    sigset_t blocked;
    sigemptyset(&blocked);
    const function_dataset data(4, shape, 2, [&](std::uint32_t, std::span<std::uint8_t>) {
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        return 0;
    });
    loader l(batch_reader(data, all_of(4), no_scale, {4, batch_order::evaluation, {}, 1}));
    (void)l.next();
    for (const int outside : {SIGINT, SIGTERM, SIGALRM}) CHECK(sigismember(&blocked, outside) == 1);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) {
        CHECK(sigismember(&blocked, fault) == 0);
    }
}

TEST_CASE("a data set without pixels or classes is refused") {
    const auto make = [](image_shape of, std::int32_t classes) {
        const function_dataset data(4, of, classes,
                                    [](std::uint32_t, std::span<std::uint8_t>) { return 0; });
        (void)measure_normalization(data, all_of(4));
    };
    CHECK_FAILS(make({4, 4, 0}, 2), errc::bad_input, "4 x 4 x 0");
    CHECK_FAILS(make({0, 4, 1}, 2), errc::bad_input, "0 x 4 x 1");
    CHECK_FAILS(make({4, 4, 1}, 0), errc::bad_input, "0 classes");
}

TEST_CASE("a reader that cannot work is refused") {
    const image_set data = numbered(10);
    const auto make = [&](std::vector<std::uint32_t> indices, std::int32_t batch,
                          batch_order order) {
        return batch_reader(data, std::move(indices), no_scale, {batch, order, {}, 1});
    };
    CHECK_FAILS(make(all_of(10), 0, batch_order::training), errc::bad_input, "batch is 0");
    CHECK_FAILS(make(all_of(10), 11, batch_order::training), errc::bad_input,
                "10 images make no batch of 11");
    CHECK_FAILS(make({}, 4, batch_order::evaluation), errc::bad_input, "0 images");
    CHECK_FAILS(make({3, 10}, 1, batch_order::training), errc::bad_input, "no image 10");
    batch_reader good = make(all_of(10), 4, batch_order::training);
    std::vector<float> images(4 * shape.elements());
    std::vector<std::int32_t> labels(4);
    CHECK_FAILS(good.read({0, 2}, images, labels), errc::bad_input, "no step 2", "2 steps");
    CHECK_FAILS(good.read({0, 0}, std::span(images).first(7), labels), errc::bad_input, "7 values");
}

TEST_CASE("the parts of the ranks are the whole, batch by batch") {
    const image_set data = numbered(47);  // 9 batches of 5: with 2 ranks the last one is left out
    for (const int ranks : {1, 2, 3}) {
        CAPTURE(ranks);
        batch_reader whole = reader_of(data, 5);
        const std::uint64_t steps = whole.steps_per_epoch() / static_cast<std::uint64_t>(ranks);
        for (int rank = 0; rank < ranks; ++rank) {
            loader part(reader_of(data, 5).part(rank, ranks));
            CHECK(part.steps_per_epoch() == steps);
            for (std::uint64_t n = 0; n < 2 * steps; ++n) {  // two epochs
                const stored_batch got = keep(part.next());
                CHECK(got.position == batch_position{n / steps, n % steps});
                const batch_position there{n / steps, n % steps * static_cast<std::uint64_t>(ranks) +
                                                          static_cast<std::uint64_t>(rank)};
                stored_batch expected{got.position, std::vector<float>(5 * shape.elements()),
                                      std::vector<std::int32_t>(5)};
                REQUIRE(whole.read(there, expected.images, expected.labels) == 5);
                CHECK(got == expected);
            }
        }
    }
    const batch_reader whole = reader_of(data, 5);
    CHECK_FAILS(whole.part(2, 2), errc::bad_input, "no rank 2 of 2");
    CHECK_FAILS(whole.part(-1, 2), errc::bad_input, "no rank -1");
    CHECK_FAILS(whole.part(0, 0), errc::bad_input, "no rank 0 of 0");
    CHECK_FAILS(whole.part(0, 2).part(0, 2), errc::bad_input, "part already");
    CHECK_FAILS(whole.part(0, 10), errc::bad_input, "47 images", "batch of 5", "10 ranks");
    const batch_reader judging(data, all_of(47), no_scale, {5, batch_order::evaluation, {}, 1});
    CHECK_FAILS(judging.part(0, 2), errc::bad_input, "evaluation");
}

TEST_CASE("image sets check their sizes and labels") {
    CHECK_FAILS(image_set({2, 2, 1}, 3, {1, 2, 3}, {0}), errc::bad_input, "3 bytes");
    CHECK_FAILS(image_set({2, 2, 0}, 3, {}, {0}), errc::bad_input, "2 x 2 x 0");
    CHECK_FAILS(image_set({1, 1, 1}, 3, {1, 2}, {0, 3}), errc::bad_input, "image 1", "label 3");
    const image_set data = numbered(4);
    const dataset_ref ref(data);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<dataset_ref, image_set>);  // it would dangle
    std::vector<std::uint8_t> bytes(shape.elements());
    std::vector<std::int32_t> label(1);
    const std::vector<std::uint32_t> beyond{4};
    CHECK_FAILS(ref.read(beyond, bytes, label), errc::bad_input, "no image 4", "4 images");
    CHECK_FAILS(ref.read(beyond, bytes, {}), errc::bad_input, "dataset_ref::read");
}

TEST_CASE("a held-out set is consumed by opening") {
    held_out<image_set> test(numbered(6));
    CHECK(test.size() == 6);
    const image_set open = std::move(test).open();
    CHECK(open.size() == 6);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<held_out<image_set>>);
}

TEST_CASE("a split is a partition, the same every time") {
    const data_split s = split_indices(1000, 100, 150, 7);
    CHECK(s.recalibration.size() == 100);
    CHECK(s.validation.size() == 150);
    CHECK(s.train.size() == 750);
    std::vector<std::uint32_t> together = s.train;
    together.insert(together.end(), s.recalibration.begin(), s.recalibration.end());
    together.insert(together.end(), s.validation.begin(), s.validation.end());
    std::ranges::sort(together);
    CHECK(together == all_of(1000));
    CHECK(split_indices(1000, 100, 150, 7).validation == s.validation);
    CHECK(split_indices(1000, 100, 150, 8).validation != s.validation);
    // Spread over the whole: the mean index of a part is near the middle.
    CHECK(std::accumulate(s.validation.begin(), s.validation.end(), 0.0) / 150 ==
          Approx(500).margin(100));
    for (const auto& [n, r, v] : {std::array<std::size_t, 3>{10, 0, 1},
                                  {10, 1, 0},
                                  {10, 5, 5},
                                  {10, 10, 1},
                                  {10, 1, std::numeric_limits<std::size_t>::max()}}) {
        CHECK_FAILS(split_indices(n, r, v, 1), errc::bad_input, "at least one image");
    }
}
