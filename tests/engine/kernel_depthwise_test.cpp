// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/depthwise.hpp"

#include "engine/kernels/depthwise_rows.hpp"
#include "kernel_reference.hpp"
#include "kernel_storage.hpp"
#include "kernel_support.hpp"
#include "lathe/core/error.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

depthwise_shape make_shape(std::int64_t batch, std::int64_t channels, std::int64_t height,
                           std::int64_t width, std::int64_t kernel_h, std::int64_t kernel_w,
                           std::int64_t stride, std::int64_t pad) {
    return {batch,
            channels,
            height,
            width,
            (height + 2 * pad - kernel_h) / stride + 1,
            (width + 2 * pad - kernel_w) / stride + 1,
            kernel_h,
            kernel_w,
            stride,
            pad};
}

// body(index in the output, index in the input, index in the weight) for every product
template <class Body>
void for_each_product(const depthwise_shape& s, const Body& body) {
    for (std::int64_t n = 0; n < s.batch; ++n) {
        for (std::int64_t y = 0; y < s.out_h; ++y) {
            for (std::int64_t x = 0; x < s.out_w; ++x) {
                for (std::int64_t i = 0; i < s.kernel_h; ++i) {
                    for (std::int64_t j = 0; j < s.kernel_w; ++j) {
                        const std::int64_t iy = y * s.stride + i - s.pad;
                        const std::int64_t ix = x * s.stride + j - s.pad;
                        if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
                        for (std::int64_t c = 0; c < s.channels; ++c) {
                            body(((n * s.out_h + y) * s.out_w + x) * s.channels + c,
                                 ((n * s.in_h + iy) * s.in_w + ix) * s.channels + c,
                                 (i * s.kernel_w + j) * s.channels + c);
                        }
                    }
                }
            }
        }
    }
}

std::vector<double> plain_weight_gradient(const depthwise_shape& s, const floats& src,
                                          const floats& diff_dst) {
    std::vector<double> result(s.kernel_h * s.kernel_w * s.channels);
    for_each_product(s, [&](std::int64_t out, std::int64_t in, std::int64_t tap) {
        result[tap] += static_cast<double>(src[in]) * diff_dst[out];
    });
    return result;
}

struct alignas(64) cache_line {
    float floats[16] = {};
};

void check_weight_gradient(const depthwise_shape& s) {
    if (s.out_h < 1 || s.out_w < 1) return;
    INFO("batch " << s.batch << " channels " << s.channels << " in " << s.in_h << "x" << s.in_w
                  << " kernel " << s.kernel_h << "x" << s.kernel_w << " stride " << s.stride
                  << " pad " << s.pad);
    const floats src = random_floats(s.batch * s.in_h * s.in_w * s.channels, 1);
    const floats diff_dst = random_floats(s.batch * s.out_h * s.out_w * s.channels, 2);
    const auto compute = [&] {
        // NaN shows scratch that is read before it is written, and outputs that are not written.
        floats scratch(depthwise_weight_gradient_scratch(s, most_threads), NAN);
        floats diff_weight(s.kernel_h * s.kernel_w * s.channels, NAN);
        depthwise_weight_gradient(s, src.data(), diff_dst.data(), diff_weight.data(),
                                  scratch.data());
        return diff_weight;
    };
    check_everywhere(compute, plain_weight_gradient(s, src, diff_dst));
}

void check_rows(const depthwise_shape& s, std::optional<lathe::activation> act = std::nullopt) {
    if (s.out_h < 1 || s.out_w < 1) return;
    INFO("batch " << s.batch << " channels " << s.channels << " in " << s.in_h << "x" << s.in_w
                  << " kernel " << s.kernel_h << "x" << s.kernel_w << " stride " << s.stride
                  << " pad " << s.pad);
    REQUIRE(has_depthwise_rows(s));
    const floats src = random_floats(s.batch * s.in_h * s.in_w * s.channels, 1);
    const floats diff_dst = random_floats(s.batch * s.out_h * s.out_w * s.channels, 2);
    const floats weight = random_floats(s.kernel_h * s.kernel_w * s.channels, 3);
    const floats bias = random_floats(s.channels, 4);
    std::vector<double> dst(diff_dst.size()), diff_src(src.size());
    for (std::size_t i = 0; act && i < dst.size(); ++i) dst[i] = bias[i % bias.size()];
    for_each_product(s, [&](std::int64_t out, std::int64_t in, std::int64_t tap) {
        dst[out] += static_cast<double>(src[in]) * weight[tap];
        diff_src[in] += static_cast<double>(diff_dst[out]) * weight[tap];
    });
    for (double& value : dst) value = plain_activation(act, value);
    dst.insert(dst.end(), diff_src.begin(), diff_src.end());
    const auto compute = [&] {
        floats result(diff_dst.size(), NAN), diff(src.size(), NAN);
        depthwise_forward(s, act, src.data(), weight.data(), act ? bias.data() : nullptr,
                          result.data());
        depthwise_data_gradient(s, diff_dst.data(), weight.data(), diff.data());
        result.insert(result.end(), diff.begin(), diff.end());
        return result;
    };
    check_everywhere(compute, dst);
}

template <class T>
std::vector<T> unwritten(std::int64_t count) {
    return std::vector<T>(static_cast<std::size_t>(count), stored_as<T>(NAN));
}

// Everything that the shape allows, in bf16 against float.
void check_storage(const depthwise_shape& s, std::optional<lathe::activation> act = std::nullopt,
                   const halves& first_values = {}) {
    if (s.out_h < 1 || s.out_w < 1) return;
    INFO("batch " << s.batch << " channels " << s.channels << " in " << s.in_h << "x" << s.in_w
                  << " kernel " << s.kernel_h << "x" << s.kernel_w << " stride " << s.stride
                  << " pad " << s.pad);
    const std::int64_t in = s.batch * s.in_h * s.in_w * s.channels;
    const std::int64_t out = s.batch * s.out_h * s.out_w * s.channels;
    halves src = random_halves(in, 1), diff_dst = random_halves(out, 2);
    std::copy_n(first_values.begin(), std::min(first_values.size(), src.size()), src.begin());
    std::copy_n(first_values.begin(), std::min(first_values.size(), diff_dst.size()),
                diff_dst.begin());
    const floats weight = random_floats(s.kernel_h * s.kernel_w * s.channels, 3);
    const floats bias = random_floats(s.channels, 4);
    check_rounds_once([&]<class T>(T) {
        const std::vector<T> x = stored<T>(src), dy = stored<T>(diff_dst);
        outputs<T> result;
        if (has_depthwise_rows(s)) {
            auto y = unwritten<T>(out), dx = unwritten<T>(in);
            depthwise_forward(s, act, x.data(), weight.data(), act ? bias.data() : nullptr,
                              y.data());
            depthwise_data_gradient(s, dy.data(), weight.data(), dx.data());
            result.add(y);
            result.add(dx);
        }
        floats scratch(depthwise_weight_gradient_scratch(s, most_threads), NAN);
        floats diff_weight(weight.size(), NAN);
        depthwise_weight_gradient(s, x.data(), dy.data(), diff_weight.data(), scratch.data());
        result.add_values(diff_weight);
        return result;
    });
}

}  // namespace

TEST_CASE("depthwise forward and data gradient equal plain loops", "[kernels]") {
    const auto kernel = GENERATE(3, 5, 7);
    const auto stride = GENERATE(1, 2);
    const auto pad = GENERATE(0, 1, 3, 4);
    for (const std::int64_t size : {1, 2, 3, 7, 13, 14, 17}) {
        check_rows(make_shape(2, 17, size, size, kernel, kernel, stride, pad));
    }
    for (const std::int64_t channels : {1, 3, 8, 33, 48}) {
        check_rows(make_shape(1, channels, 9, 7, kernel, kernel, stride, pad));
    }
}

TEST_CASE("depthwise forward adds bias and applies the activation", "[kernels]") {
    const auto act = static_cast<lathe::activation>(GENERATE(range(0, 5)));
    check_rows(make_shape(2, 20, 10, 11, 5, 5, 1, 2), act);
    check_rows(make_shape(2, 16, 9, 30, 2, 7, 2, 3), act);
}

TEST_CASE("depthwise kernels round bf16 once", "[kernels]") {
    const auto kernel = GENERATE(3, 5, 7);
    const auto stride = GENERATE(1, 2);
    const auto pad = GENERATE(0, 1, 3);
    for (const std::int64_t size : {1, 2, 7, 13, 16}) {
        check_storage(make_shape(2, 17, size, size, kernel, kernel, stride, pad));
    }
    for (const std::int64_t channels : {1, 24, 33}) {
        check_storage(make_shape(2, channels, 9, 7, kernel, kernel, stride, pad));
    }
}

TEST_CASE("depthwise kernels round bf16 once in other forms", "[kernels]") {
    check_storage(make_shape(17, 100, 8, 8, 5, 5, 1, 2));
    check_storage(make_shape(2, 24, 9, 13, 7, 2, 1, 1));
    check_storage(make_shape(2, 24, 9, 13, 2, 7, 2, 3));
    check_storage(make_shape(2, 20, 9, 8, 3, 3, 3, 1));
    check_storage(make_shape(1, 17, 20, 20, 16, 7, 1, 4));
}

TEST_CASE("depthwise kernels round bf16 once in wide and in deep images", "[kernels]") {
    const auto stride = GENERATE(1, 2);
    check_storage(make_shape(1, 20, 4, 401, 5, 5, stride, 2));
    check_storage(make_shape(1, 300, 5, 32, 3, 7, stride, 3));
}

TEST_CASE("depthwise kernels activate before they round, and keep NaN in bf16", "[kernels]") {
    const auto act = static_cast<lathe::activation>(GENERATE(range(0, 5)));
    check_storage(make_shape(2, 20, 10, 11, 5, 5, 1, 2), act);
    check_storage(make_shape(2, 33, 9, 30, 2, 7, 2, 3), act, special_halves());
}

TEST_CASE("depthwise rows refuse shapes they do not have", "[kernels]") {
    float value = 0;
    for (const auto& [kernel, stride] : {std::pair{1, 1}, {4, 1}, {9, 1}, {3, 3}}) {
        const depthwise_shape s = make_shape(1, 1, 20, 20, kernel, kernel, stride, 0);
        CHECK_FALSE(has_depthwise_rows(s));
        CHECK_THROWS_AS(depthwise_forward(s, std::nullopt, &value, &value, nullptr, &value),
                        lathe::error);
        CHECK_THROWS_AS(depthwise_data_gradient(s, &value, &value, &value), lathe::error);
    }
}

TEST_CASE("depthwise weight gradient equals a plain loop", "[kernels]") {
    const auto kernel = GENERATE(1, 3, 5, 7);
    const auto stride = GENERATE(1, 2, 3);
    const auto pad = GENERATE(0, 1, 2, 3);
    SECTION("sizes") {
        for (const std::int64_t size : {1, 2, 3, 6, 7, 9, 13, 16}) {
            check_weight_gradient(make_shape(2, 17, size, size, kernel, kernel, stride, pad));
        }
    }
    SECTION("channels") {
        for (const std::int64_t channels : {1, 3, 8, 33, 48}) {
            check_weight_gradient(make_shape(3, channels, 7, 7, kernel, kernel, stride, pad));
        }
    }
}

TEST_CASE("depthwise weight gradient of other forms", "[kernels]") {
    check_weight_gradient(make_shape(1, 16, 5, 11, 3, 3, 1, 1));
    check_weight_gradient(make_shape(2, 16, 11, 5, 5, 3, 2, 1));
    check_weight_gradient(make_shape(2, 24, 9, 13, 1, 7, 1, 3));
    check_weight_gradient(make_shape(2, 24, 9, 13, 7, 2, 1, 1));
    check_weight_gradient(make_shape(37, 100, 8, 8, 5, 5, 1, 2));
}

TEST_CASE("depthwise weight gradient of parts of the batch adds up to the whole", "[kernels]") {
    for (const std::int64_t kernel : {3, 5, 7}) {
        const depthwise_shape whole = make_shape(6, 37, 9, 9, kernel, kernel, 2, kernel / 2);
        depthwise_shape part = whole;
        part.batch = 2;
        const floats src = random_floats(whole.batch * whole.in_h * whole.in_w * whole.channels, 1);
        const floats diff_dst =
            random_floats(whole.batch * whole.out_h * whole.out_w * whole.channels, 2);
        floats expected(kernel * kernel * whole.channels), total(expected.size(), NAN);
        floats scratch(depthwise_weight_gradient_scratch(whole, omp_get_max_threads()));
        depthwise_weight_gradient(whole, src.data(), diff_dst.data(), expected.data(),
                                  scratch.data());
        std::vector<cache_line> sums(depthwise_sum_floats(part) * 2 / 16);
        std::vector<cache_line> buffer(depthwise_buffer_floats(part) / 16 + 1);
        for (std::int64_t k = 0; k < 3; ++k) {
            depthwise_add_weight_gradient(
                part, src.data() + k * 2 * part.in_h * part.in_w * part.channels,
                diff_dst.data() + k * 2 * part.out_h * part.out_w * part.channels,
                sums[0].floats + (k % 2) * depthwise_sum_floats(part), buffer[0].floats);
        }
        depthwise_total(part, 2, sums[0].floats, total.data());
        for (std::size_t i = 0; i < total.size(); ++i) {
            CHECK(total[i] == Approx(expected[i]).margin(1e-3));
        }
    }
}

TEST_CASE("depthwise weight gradient keeps NaN", "[kernels]") {
    const depthwise_shape s = make_shape(2, 20, 6, 6, 5, 5, 1, 2);
    floats src(s.batch * s.in_h * s.in_w * s.channels, 1.0F);
    const floats diff_dst(src.size(), 1.0F);
    src[19] = NAN;
    floats scratch(depthwise_weight_gradient_scratch(s, omp_get_max_threads()));
    floats diff_weight(s.kernel_h * s.kernel_w * s.channels);
    depthwise_weight_gradient(s, src.data(), diff_dst.data(), diff_weight.data(), scratch.data());
    const std::int64_t centre = 2 * s.kernel_w + 2;
    CHECK(std::isnan(diff_weight[centre * s.channels + 19]));
    CHECK(diff_weight[centre * s.channels + 18] == 72.0F);
}
