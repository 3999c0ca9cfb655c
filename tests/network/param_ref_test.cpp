// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/param_ref.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <numeric>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/network/region_copy.hpp"

using namespace lathe;
using ranges = std::vector<index_range>;
using shape = std::vector<std::int64_t>;

namespace {

param_ref viewed(shape full, std::vector<param_view> views) {
    param_ref ref = whole("t", std::move(full));
    ref.views = std::move(views);
    return ref;
}

/// Indices of the flat base tensor, views applied one after the other on a dense copy.
std::vector<float> by_copies(const param_ref& ref) {
    shape extents = ref.full_shape;
    const auto count = std::accumulate(extents.begin(), extents.end(), std::int64_t{1},
                                       std::multiplies<>());
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), 0.0F);
    for (const auto& view : ref.views) {
        std::vector<std::vector<std::int64_t>> kept(extents.size());
        for (std::size_t d = 0; d < extents.size(); ++d) {
            if (const auto* crop = std::get_if<centre_crop>(&view)) {
                const bool cropped = d + 2 >= extents.size();
                const std::int64_t size = !cropped                  ? extents[d]
                                          : d + 1 == extents.size() ? crop->width
                                                                    : crop->height;
                for (std::int64_t i = 0; i < size; ++i) {
                    kept[d].push_back(i + (extents[d] - size) / 2);
                }
                continue;
            }
            const auto& all = std::get<range_view>(view).ranges;
            if (d >= all.size() || all[d].empty()) {
                for (std::int64_t i = 0; i < extents[d]; ++i) kept[d].push_back(i);
                continue;
            }
            for (const auto& r : all[d]) {
                for (std::int64_t i = r.begin; i < r.end; ++i) kept[d].push_back(i);
            }
        }
        std::vector<float> next;
        std::vector<std::size_t> at(extents.size(), 0);
        for (bool more = true; more;) {
            std::int64_t flat = 0;
            for (std::size_t d = 0; d < extents.size(); ++d) flat = flat * extents[d] + kept[d][at[d]];
            next.push_back(values[static_cast<std::size_t>(flat)]);
            more = false;
            for (std::size_t d = extents.size(); d-- > 0;) {
                if (++at[d] < kept[d].size()) {
                    more = true;
                    break;
                }
                at[d] = 0;
            }
        }
        for (std::size_t d = 0; d < extents.size(); ++d) {
            extents[d] = static_cast<std::int64_t>(kept[d].size());
        }
        values = std::move(next);
    }
    return values;
}

std::vector<float> by_region(const param_ref& ref) {
    const auto count = std::accumulate(ref.full_shape.begin(), ref.full_shape.end(),
                                       std::int64_t{1}, std::multiplies<>());
    std::vector<float> base(static_cast<std::size_t>(count));
    std::iota(base.begin(), base.end(), 0.0F);
    std::vector<float> dense(static_cast<std::size_t>(element_count(ref)));
    gather(resolve(ref), ref.full_shape, base, dense);
    return dense;
}

/// Ascending ranges within `extent`, at least one.
ranges random_ranges(rng& random, std::int64_t extent) {
    ranges result;
    std::int64_t at = 0;
    while (at < extent) {
        const auto begin = at + random.below(static_cast<std::uint32_t>(extent - at));
        const auto end = begin + 1 + random.below(static_cast<std::uint32_t>(extent - begin));
        result.push_back({begin, end});
        at = end + random.below(3);
    }
    return result;
}

}  // namespace

TEST_CASE("a tensor without views is kept whole") {
    const auto region = resolve(whole("t", {2, 3}));
    CHECK(region.shape == shape{2, 3});
    CHECK(region.is_box());
    CHECK(region.is_whole({2, 3}));
    CHECK(element_count(whole("t", {2, 3, 4})) == 24);
}

TEST_CASE("ranges keep indices, several of one dimension too") {
    const auto region = resolve(viewed({10, 4}, {range_view{{{{0, 2}, {5, 9}}, {}}}}));
    CHECK(region.shape == shape{6, 4});
    CHECK(region.ranges[0] == ranges{{0, 2}, {5, 9}});
    CHECK(region.ranges[1] == ranges{{0, 4}});
    CHECK_FALSE(region.is_box());
    CHECK_FALSE(region.is_whole({10, 4}));
    // touching ranges are one
    CHECK(resolve(viewed({10}, {range_view{{{{0, 2}, {2, 5}}}}})).ranges[0] == ranges{{0, 5}});
    // a missing trailing dimension is whole
    CHECK(resolve(viewed({10, 4}, {range_view{{{{3, 4}}}}})).shape == shape{1, 4});
}

TEST_CASE("leading slices") {
    const auto ref = leading("t", {8, 6, 3}, {4, 6, 3});
    CHECK(shape_of(ref) == shape{4, 6, 3});
    CHECK(resolve(ref).is_box());
    CHECK(leading("t", {8, 6}, {8, 6}) == whole("t", {8, 6}));
}

TEST_CASE("centre crops keep the middle of the last two dimensions") {
    const auto region = resolve(viewed({4, 1, 7, 5}, {centre_crop{3, 5}}));
    CHECK(region.shape == shape{4, 1, 3, 5});
    CHECK(region.ranges[2] == ranges{{2, 5}});
    CHECK(region.ranges[3] == ranges{{0, 5}});
}

TEST_CASE("views apply in order, each to what the one before has left") {
    const auto region = resolve(
        viewed({10, 7, 7}, {range_view{{{{2, 4}, {6, 10}}}}, centre_crop{5, 5},
                            range_view{{{{1, 4}}, {{0, 1}, {4, 5}}}}, centre_crop{2, 1}}));
    CHECK(region.ranges[0] == ranges{{3, 4}, {6, 8}});
    CHECK(region.ranges[1] == ranges{{1, 2}, {5, 6}});
    CHECK(region.ranges[2] == ranges{{3, 4}});
    CHECK(region.shape == shape{3, 2, 1});
}

TEST_CASE("composed views take the same values as views applied one by one") {
    rng random(21);
    for (int k = 0; k < 300; ++k) {
        shape full;
        for (int d = 0; d < 3; ++d) full.push_back(1 + random.below(8));
        std::vector<param_view> views;
        shape left = full;
        for (auto count = random.below(4); count > 0; --count) {
            if (random.flip(0.3)) {
                const auto crop_to = [&](std::int64_t size) {
                    return size - 2 * random.below(static_cast<std::uint32_t>((size + 1) / 2));
                };
                left[1] = crop_to(left[1]);
                left[2] = crop_to(left[2]);
                views.emplace_back(centre_crop{left[1], left[2]});
            } else {
                range_view view;
                for (std::size_t d = 0; d < 1 + random.below(3); ++d) {
                    view.ranges.push_back(random.flip(0.3) ? ranges{} : random_ranges(random, left[d]));
                    if (view.ranges.back().empty()) continue;
                    left[d] = 0;
                    for (const auto& r : view.ranges.back()) left[d] += r.end - r.begin;
                }
                views.emplace_back(view);
            }
        }
        const auto ref = viewed(full, views);
        CHECK(shape_of(ref) == left);
        CHECK(by_region(ref) == by_copies(ref));
    }
}

TEST_CASE("scatter_add is the transpose of gather") {
    const auto ref = viewed({4, 3}, {range_view{{{{0, 1}, {2, 4}}, {{1, 3}}}}});
    std::vector<float> base(12, 10.0F);
    const std::vector<float> dense{1, 2, 3, 4, 5, 6};
    scatter_add(resolve(ref), ref.full_shape, dense, base);
    CHECK(base == std::vector<float>{10, 11, 12, 10, 10, 10, 10, 13, 14, 10, 15, 16});
}

TEST_CASE("views that do not fit are refused with tensor and shape") {
    using Catch::Contains;
    const auto message = [](const param_ref& ref) -> std::string {
        try {
            static_cast<void>(resolve(ref));
        } catch (const error& e) {
            CHECK(e.code() == errc::shape);
            CHECK_THAT(e.place(), Contains("'t'"));
            return e.what();
        }
        return "accepted";
    };
    CHECK_THAT(message(viewed({4, 5}, {range_view{{{{0, 5}}}}})),
               Contains("[4,5]") && Contains("0..5") && Contains("4 indices"));
    CHECK_THAT(message(viewed({4}, {range_view{{{{2, 2}}}}})), Contains("2..2"));
    CHECK_THAT(message(viewed({4}, {range_view{{{{-1, 2}}}}})), Contains("-1..2"));
    CHECK_THAT(message(viewed({4}, {range_view{{{{2, 3}, {0, 1}}}}})), Contains("0..1"));
    CHECK_THAT(message(viewed({4}, {range_view{{{{0, 3}, {2, 4}}}}})), Contains("2..4"));
    CHECK_THAT(message(viewed({4}, {range_view{{{{0, 1}}, {{0, 1}}}}})), Contains("too many"));
    CHECK_THAT(message(viewed({9, 7, 7}, {centre_crop{4, 7}})), Contains("crop to 4"));
    CHECK_THAT(message(viewed({9, 7, 7}, {centre_crop{9, 7}})), Contains("crop to 9"));
    CHECK_THAT(message(viewed({9, 7, 7}, {centre_crop{0, 7}})), Contains("crop to 0"));
    CHECK_THAT(message(viewed({7}, {centre_crop{1, 1}})), Contains("two dimensions"));
    CHECK_THAT(message(viewed({3, 0}, {})), Contains("smaller than 1"));
    CHECK_THAT(message(viewed({std::int64_t{1} << 40, std::int64_t{1} << 40}, {})),
               Contains("more than 2147483647 elements"));
    // the second view sees what the first has left
    CHECK_THAT(message(viewed({8}, {range_view{{{{0, 3}}}}, range_view{{{{2, 4}}}}})),
               Contains("3 indices"));
}

TEST_CASE("reserved views answer that they are unsupported") {
    for (const auto view : {reserved_view::transpose, reserved_view::reshape, reserved_view::product,
                            reserved_view::mask, reserved_view::fake_quantize}) {
        try {
            static_cast<void>(resolve(viewed({4, 4}, {view})));
            FAIL_CHECK("accepted");
        } catch (const error& e) {
            CHECK(e.code() == errc::unsupported);
            CHECK_THAT(e.place(), Catch::Contains("'t'"));
            CHECK_FALSE(e.remedy().empty());
        }
    }
}

TEST_CASE("identity has the name and the region, structure the shape alone") {
    const auto structure = [](const param_ref& ref) {
        hasher h;
        add_structure(h, ref);
        return h.value();
    };
    const auto identity = [](const param_ref& ref) {
        hasher h;
        add_identity(h, ref);
        return h.value();
    };
    const auto first = leading("t", {8, 4}, {4, 4});
    const auto second = viewed({8, 4}, {range_view{{{{4, 8}}}}});
    const auto renamed = leading("u", {8, 4}, {4, 4});
    const auto longer = leading("t", {9, 4}, {4, 4});
    auto typed = first;
    typed.element = element_type::bf16;
    CHECK(structure(first) == structure(second));
    CHECK(structure(first) == structure(renamed));
    CHECK(structure(first) == structure(longer));
    CHECK(structure(first) != structure(typed));
    CHECK(structure(first) != structure(whole("t", {8, 4})));
    CHECK(identity(first) != identity(second));
    CHECK(identity(first) != identity(renamed));
    CHECK(identity(first) != identity(longer));
    CHECK(identity(first) != identity(typed));
    // the same region spelled in two ways
    CHECK(identity(first) ==
          identity(viewed({8, 4}, {range_view{{{{0, 6}}}}, range_view{{{{0, 4}}}}})));
}
