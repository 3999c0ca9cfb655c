// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/dense.hpp"

#include <limits>
#include <optional>

#include "kernel_reference.hpp"
#include "kernel_support.hpp"
#include "lathe/core/error.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

struct form {
    std::int64_t kernel_h = 1, kernel_w = 1;
    std::int64_t stride_h = 1, stride_w = 1;
    std::int64_t padding_h = 0, padding_w = 0;
};

dense_shape make_shape(std::int64_t batch, std::int64_t in, std::int64_t out, std::int64_t height,
                       std::int64_t width, const form& f = {}) {
    return {batch,
            in,
            height,
            width,
            out,
            (height + 2 * f.padding_h - f.kernel_h) / f.stride_h + 1,
            (width + 2 * f.padding_w - f.kernel_w) / f.stride_w + 1,
            f.kernel_h,
            f.kernel_w,
            f.stride_h,
            f.stride_w,
            f.padding_h,
            f.padding_w};
}

std::int64_t source_count(const dense_shape& s) {
    return s.batch * s.in_h * s.in_w * s.in_channels;
}
std::int64_t result_count(const dense_shape& s) {
    return s.batch * s.out_h * s.out_w * s.out_channels;
}
std::int64_t weight_count(const dense_shape& s) {
    return s.out_channels * s.in_channels * s.kernel_h * s.kernel_w;
}

struct operands {
    explicit operands(const dense_shape& s)
        : src(random_floats(source_count(s), 1)),
          weight(random_floats(weight_count(s), 2)),
          bias(random_floats(s.out_channels, 3)),
          residual(random_floats(result_count(s), 4)) {}
    floats src, weight, bias, residual;
};

std::vector<double> plain(const dense_shape& s, std::optional<lathe::activation> act,
                          const operands& o, bool added) {
    std::vector<double> result;
    for (std::int64_t i = 0; i < result_count(s); ++i) {
        const std::int64_t c = i % s.out_channels;
        const std::int64_t x = i / s.out_channels % s.out_w;
        const std::int64_t y = i / s.out_channels / s.out_w % s.out_h;
        const std::int64_t n = i / s.out_channels / s.out_w / s.out_h;
        double sum = o.bias[c] + (added ? o.residual[i] : 0.0);
        for (std::int64_t k = 0; k < s.in_channels; ++k) {
            for (std::int64_t ky = 0; ky < s.kernel_h; ++ky) {
                for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
                    const std::int64_t iy = y * s.stride_h + ky - s.padding_h;
                    const std::int64_t ix = x * s.stride_w + kx - s.padding_w;
                    if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
                    sum += static_cast<double>(
                               o.src[((n * s.in_h + iy) * s.in_w + ix) * s.in_channels + k]) *
                           o.weight[((c * s.in_channels + k) * s.kernel_h + ky) * s.kernel_w + kx];
                }
            }
        }
        result.push_back(plain_activation(act, sum));
    }
    return result;
}

enum class addition { none, elsewhere, in_place };

/// Into `result`, with `residual` if it is not null.
void compute(const dense_shape& s, std::optional<lathe::activation> act, const operands& o,
             const float* residual, floats& result) {
    floats packed(static_cast<std::size_t>(dense_weight_floats(s)));
    pack_dense_weights(s, o.weight.data(), o.bias.data(), packed.data());
    floats scratch(static_cast<std::size_t>(dense_scratch_floats(s, omp_get_max_threads())),
                   std::numeric_limits<float>::quiet_NaN());
    dense_forward(s, act, o.src.data(), packed.data(), residual, scratch.data(), result.data());
}

floats computed(const dense_shape& s, std::optional<lathe::activation> act, const operands& o,
                addition added) {
    floats result = added == addition::in_place ? o.residual : floats(o.residual.size(), NAN);
    const float* residual = nullptr;
    if (added == addition::elsewhere) residual = o.residual.data();
    if (added == addition::in_place) residual = result.data();
    compute(s, act, o, residual, result);
    return result;
}

/// The same with room between the pixels of the result, which must stay as it was.
floats computed_apart(const dense_shape& s, std::optional<lathe::activation> act,
                      const operands& o) {
    constexpr float untouched = 7.25F;
    constexpr std::size_t room = 3;
    dense_shape apart = s;
    apart.result_pitch = s.out_channels + static_cast<std::int64_t>(room);
    const auto channels = static_cast<std::size_t>(s.out_channels);
    const std::size_t pixels = o.residual.size() / channels;
    floats result(pixels * (channels + room), untouched);
    compute(apart, act, o, nullptr, result);
    floats together;
    for (std::size_t p = 0; p < pixels; ++p) {
        const auto first = result.begin() + static_cast<std::ptrdiff_t>(p * (channels + room));
        const auto last = first + static_cast<std::ptrdiff_t>(channels);
        together.insert(together.end(), first, last);
        CHECK(std::count(last, last + room, untouched) == room);
    }
    return together;
}

void check(const dense_shape& s, std::optional<lathe::activation> act = {},
           addition added = addition::none) {
    INFO("batch " << s.batch << ", " << s.in_channels << " to " << s.out_channels << " channels, "
                  << s.in_h << "x" << s.in_w << ", kernel " << s.kernel_h << "x" << s.kernel_w
                  << ", stride " << s.stride_h << "x" << s.stride_w << ", padding " << s.padding_h
                  << "x" << s.padding_w);
    const operands o(s);
    check_everywhere([&] { return computed(s, act, o, added); },
                     plain(s, act, o, added != addition::none));
}

}  // namespace

TEST_CASE("dense pointwise convolutions equal plain loops, whatever the channels", "[kernels]") {
    for (const std::int64_t out : {1, 7, 16, 17, 32, 48, 64, 79, 80, 112}) {
        for (const std::int64_t in : {1, 3, 16, 33}) check(make_shape(1, in, out, 5, 5));
    }
}

TEST_CASE("dense pointwise convolutions equal plain loops, whatever the pixels", "[kernels]") {
    for (std::int64_t width = 1; width <= 27; ++width) check(make_shape(1, 5, 48, 1, width));
    check(make_shape(3, 8, 33, 9, 11));
    check(make_shape(2, 600, 16, 7, 7));   // more source than fits the cache at once
    check(make_shape(1, 32, 64, 40, 40));  // worth several threads
}

TEST_CASE("dense convolutions leave room between pixels", "[kernels]") {
    const form square{3, 3, 1, 1, 1, 1};
    // Few pixels, split by outputs; many; rows of an image; channels that fill no block.
    for (const auto& s :
         {make_shape(1, 600, 112, 2, 2), make_shape(1, 32, 79, 40, 40),
          make_shape(2, 16, 48, 16, 16, square), make_shape(2, 3, 5, 9, 10, square)}) {
        for (const auto act : {lathe::activation::relu, lathe::activation::hard_swish}) {
            INFO(s.in_channels << " to " << s.out_channels << " channels");
            const operands o(s);
            check_everywhere([&] { return computed_apart(s, act, o); }, plain(s, act, o, false));
        }
    }
}

TEST_CASE("dense convolutions equal plain loops in every form", "[kernels]") {
    for (const std::int64_t kernel_h : {1, 2, 3, 5}) {
        for (const std::int64_t kernel_w : {1, 3, 4}) {
            for (const std::int64_t stride : {1, 2, 3}) {
                const form f{kernel_h, kernel_w, stride, 4 - stride, kernel_h / 2, kernel_w - 1};
                check(make_shape(2, 3, 18, 9, 10, f));
                check(make_shape(1, 16, 32, 6, 13, {kernel_h, kernel_w, 1, stride, 0, 0}));
            }
        }
    }
    check(make_shape(4, 16, 48, 16, 16, {3, 3, 1, 1, 1, 1}));
    check(make_shape(1, 2, 4, 20, 3, {16, 2, 1, 1, 15, 0}));
    check(make_shape(2, 2, 4, 20, 3, {16, 3, 1, 1, 15, 1}));  // the largest ring
}

TEST_CASE("dense convolutions add the residual before the activation", "[kernels]") {
    using enum lathe::activation;
    for (const auto act :
         {std::optional<lathe::activation>{}, {relu}, {relu6}, {hard_swish}, {swish}, {gelu}}) {
        for (const auto added : {addition::none, addition::elsewhere, addition::in_place}) {
            check(make_shape(2, 6, 35, 5, 7), act, added);
            check(make_shape(1, 6, 35, 6, 6, {3, 3, 1, 1, 1, 1}), act, added);
        }
    }
}

TEST_CASE("linear layers are dense convolutions of one pixel", "[kernels]") {
    for (const std::int64_t batch : {1, 2, 13, 64}) check(make_shape(batch, 100, 10, 1, 1));
}

TEST_CASE("an image has the same bits in every batch", "[kernels]") {
    for (const form& f : {form{}, form{3, 3, 1, 1, 1, 1}}) {
        const auto one = make_shape(1, 24, 50, 7, 7, f);
        const auto many = make_shape(5, 24, 50, 7, 7, f);
        const operands o(many);
        const floats all = computed(many, {}, o, addition::in_place);
        const auto part_of = [](const floats& values, std::int64_t n, std::int64_t count) {
            return floats(values.begin() + n * count, values.begin() + (n + 1) * count);
        };
        for (std::int64_t n = 0; n < many.batch; ++n) {
            operands single = o;
            single.src = part_of(o.src, n, source_count(one));
            single.residual = part_of(o.residual, n, result_count(one));
            CHECK(same_bits(computed(one, {}, single, addition::in_place),
                            part_of(all, n, result_count(one))));
        }
    }
}

TEST_CASE("dense convolutions pass NaN on to the pixels that see it", "[kernels]") {
    const auto s = make_shape(1, 4, 20, 5, 5, {3, 3, 1, 1, 1, 1});
    operands o(s);
    o.src[0] = NAN;
    const floats result = computed(s, lathe::activation::relu, o, addition::none);
    for (std::int64_t i = 0; i < result_count(s); ++i) {
        const std::int64_t x = i / s.out_channels % s.out_w;
        const std::int64_t y = i / s.out_channels / s.out_w;
        CHECK(std::isnan(result[i]) == (x < 2 && y < 2));
    }
}

TEST_CASE("dense weight gradients add up plain loops", "[kernels]") {
    for (const std::int64_t rows : {1, 17, 300}) {
        for (const std::int64_t out : {1, 10, 27, 64}) {
            for (const std::int64_t in : {16, 32, 80}) {
                INFO(rows << " rows, " << out << " x " << in);
                const floats diff_dst = random_floats(rows * out, 6);
                const floats src = random_floats(rows * in, 7);
                const floats before = random_floats(out * in, 8);
                std::vector<double> expected(before.begin(), before.end());
                for (std::int64_t r = 0; r < rows; ++r) {
                    for (std::int64_t i = 0; i < out * in; ++i) {
                        expected[i] +=
                            static_cast<double>(diff_dst[r * out + i / in]) * src[r * in + i % in];
                    }
                }
                check_everywhere(
                    [&] {
                        floats sums = before;
                        dense_add_weight_gradient(rows, out, in, diff_dst.data(), src.data(),
                                                  sums.data());
                        return sums;
                    },
                    expected);
            }
        }
    }
    floats odd(24);
    CHECK_THROWS_AS(dense_add_weight_gradient(1, 2, 12, odd.data(), odd.data(), odd.data()),
                    lathe::error);
}

TEST_CASE("dense convolutions refuse kernels that are too high", "[kernels]") {
    const auto s = make_shape(1, 1, 1, 20, 20, {17, 1, 1, 1, 0, 0});
    CHECK_FALSE(has_dense(s));
    CHECK_THROWS_AS(computed(s, {}, operands(s), addition::none), lathe::error);
}
