// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/rows.hpp"

#include "kernel_storage.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

// Calls body(storage tag, threads) for both storage types.
template <class Body>
void for_each_storage(const Body& body) {
    for (int threads = 1; threads <= most_threads; ++threads) {
        const thread_count set(threads);
        INFO(threads << " threads");
        body(float{});
        body(bf16{});
    }
}

constexpr subsample_shape shapes[] = {{3, 37, 9, 7, 5, 4, 2, 2},
                                      {1, 64, 8, 8, 4, 4, 2, 2},
                                      {2, 5, 6, 6, 2, 6, 3, 1}};

std::size_t picked_from(const subsample_shape& s, std::int64_t picked) {
    const std::int64_t c = picked % s.channels;
    const std::int64_t x = picked / s.channels % s.out_w;
    const std::int64_t y = picked / s.channels / s.out_w % s.out_h;
    const std::int64_t n = picked / s.channels / s.out_w / s.out_h;
    return ((n * s.in_h + y * s.stride_h) * s.in_w + x * s.stride_w) * s.channels + c;
}

}  // namespace

TEST_CASE("values are added to every row", "[kernels]") {
    for (const std::int64_t columns : {1, 17, 96}) {
        for_each_storage([&](auto storage) {
            using T = decltype(storage);
            const floats values = random_floats(columns, 1);
            auto dst = stored<T>(random_halves(41 * columns, 2));
            auto expected = dst;
            for (std::size_t i = 0; i < expected.size(); ++i) {
                expected[i] = stored_as<T>(to_float(expected[i]) + values[i % columns]);
            }
            add_to_rows(41, columns, values.data(), dst.data());
            CHECK(same_values(dst, expected));
        });
    }
}

TEST_CASE("column sums equal sums in double", "[kernels]") {
    for (const std::int64_t columns : {1, 17, 96}) {
        for_each_storage([&](auto storage) {
            using T = decltype(storage);
            const auto src = stored<T>(random_halves(1000 * columns, 1));
            std::vector<double> total(columns);
            for (std::size_t i = 0; i < src.size(); ++i) total[i % columns] += to_float(src[i]);
            floats sums(columns, NAN);
            column_sums(1000, columns, src.data(), sums.data());
            CHECK(same_values(sums, floats(total.begin(), total.end())));
        });
    }
}

TEST_CASE("pixels are picked and spread again", "[kernels]") {
    for (const subsample_shape& s : shapes) {
        const std::int64_t large = s.batch * s.in_h * s.in_w * s.channels;
        const std::int64_t small = s.batch * s.out_h * s.out_w * s.channels;
        INFO("channels " << s.channels);
        for_each_storage([&](auto storage) {
            using T = decltype(storage);
            const auto src = stored<T>(random_halves(large, 1));
            const auto diff = stored<T>(random_halves(small, 2));
            std::vector<T> picked(small), expected(small), alone(large), added = src;
            auto written = stored<T>(random_halves(large, 3));
            for (std::int64_t i = 0; i < small; ++i) {
                const std::size_t from = picked_from(s, i);
                expected[i] = src[from];
                alone[from] = diff[i];
                added[from] = stored_as<T>(to_float(src[from]) + to_float(diff[i]));
            }
            subsample(s, src.data(), picked.data());
            CHECK(same_values(picked, expected));
            spread(s, diff.data(), written.data(), false);
            CHECK(same_values(written, alone));
            written = src;
            spread(s, diff.data(), written.data(), true);
            CHECK(same_values(written, added));
        });
    }
}

TEST_CASE("NaN and infinity survive sums over rows of bf16", "[kernels]") {
    const halves special = special_halves();
    const auto columns = static_cast<std::int64_t>(special.size());
    const floats zeros(special.size(), 0.0F);
    halves rows = special;
    add_to_rows(1, columns, zeros.data(), rows.data());
    floats sums(special.size());
    column_sums(1, columns, special.data(), sums.data());
    const floats expected = stored<float>(special);
    for (std::size_t i = 0; i < special.size(); ++i) {
        INFO(i);
        CHECK(std::isnan(to_float(rows[i])) == std::isnan(expected[i]));
        CHECK(std::isnan(sums[i]) == std::isnan(expected[i]));
        if (std::isnan(expected[i])) continue;
        CHECK(to_float(rows[i]) == expected[i]);
        CHECK(sums[i] == expected[i]);
    }
}
