// SPDX-License-Identifier: Apache-2.0
// Kernels on tensors stored in bf16 against the same kernels on floats.
#include "kernel_storage.hpp"

#include <bit>

#include "engine/kernels/channel.hpp"
#include "engine/kernels/elementwise.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;
using lathe::activation;

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// The neighbour below or above in magnitude that is nearer, the even one of two equally near.
std::uint16_t plain_rounding(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const auto below = static_cast<std::uint16_t>(bits >> 16);
    const auto above = static_cast<std::uint16_t>(below + 1);
    const auto magnitude = [](std::uint16_t half) {
        const double value = std::abs(from_bits(std::uint32_t{half} << 16));
        return std::isinf(value) ? 0x1p128 : value;  // as if the exponent went on
    };
    const double down = std::abs(x) - magnitude(below);
    const double up = magnitude(above) - std::abs(x);
    if (down == up) return below % 2 == 0 ? below : above;
    return down < up ? below : above;
}

// Special values first, then as many random ones as fit.
halves mixed(std::int64_t count, std::uint64_t seed) {
    halves values = random_halves(count, seed, 12.0F);
    const halves special = special_halves();
    // Another order for another seed, so that pairs of tensors meet in many ways.
    for (std::size_t i = 0; i < std::min(values.size(), 5 * special.size()); ++i) {
        values[i] = special[(i + i / special.size() * seed) % special.size()];
    }
    return values;
}

struct image {
    channel_shape shape;
    halves src, diff_dst;
    floats gate;

    image(std::int64_t batch, std::int64_t pixels, std::int64_t channels)
        : shape{batch, pixels, channels},
          src(random_halves(batch * pixels * channels, 1)),
          diff_dst(random_halves(batch * pixels * channels, 2)),
          gate(random_floats(batch * channels, 3)) {}
};

// Shapes with and without full vectors, and one whose special values spoil many channels.
template <class Body>
void for_each_image(const Body& body) {
    for (const std::int64_t channels : {1, 3, 8, 17, 33, 48, 131}) {
        for (const std::int64_t pixels : {1, 13 * 13}) {
            INFO("pixels " << pixels << " channels " << channels);
            image p(3, pixels, channels);
            body(p);
            p.src = mixed(static_cast<std::int64_t>(p.src.size()), 1);
            body(p);
        }
    }
}

}  // namespace

TEST_CASE("floats round to the nearest bf16", "[kernels]") {
    floats src;
    for (std::uint32_t high = 0; high < 0x10000; ++high) {
        for (const std::uint32_t low : {0x0000U, 0x0001U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
            src.push_back(from_bits((high << 16) | low));
        }
    }
    const auto count = static_cast<std::int64_t>(src.size());
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        INFO("target " << hwy::TargetName(target));
        halves dst(src.size());
        convert(count, src.data(), dst.data());
        int wrong = 0;
        for (std::size_t i = 0; i < src.size(); ++i) {
            if (!same_value(dst[i], to_bf16(src[i]))) ++wrong;
            if (std::isnan(src[i])) {
                if (!std::isnan(to_float(dst[i]))) ++wrong;
            } else if (std::isinf(src[i])) {
                if (to_float(dst[i]) != src[i]) ++wrong;
            } else if (!same_value(dst[i], bf16{plain_rounding(src[i])})) {
                ++wrong;
            }
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("bf16 widens exactly, with any count and thread count", "[kernels]") {
    halves every;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        every.push_back({static_cast<std::uint16_t>(bits)});
    }
    const auto plain = [](bf16 value) {
        const int exponent = (value.bits >> 7) & 0xFF;
        const int mantissa = value.bits & 0x7F;
        const double sign = value.bits >> 15 == 0 ? 1.0 : -1.0;
        if (exponent == 0xFF) return mantissa == 0 ? sign * HUGE_VAL : NAN;
        return sign * (exponent == 0 ? std::ldexp(mantissa, -133)
                                     : std::ldexp(128 + mantissa, exponent - 134));
    };
    floats expected;
    for (const bf16 value : every) expected.push_back(static_cast<float>(plain(value)));
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        INFO("target " << hwy::TargetName(target));
        for (int threads = 1; threads <= most_threads; ++threads) {
            const thread_count set(threads);
            for (const std::int64_t count : {0, 1, 17, 35003, 0x10000}) {
                floats wide(expected.size(), -1.0F);
                convert(count, every.data(), wide.data());
                floats begun(wide.begin(), wide.begin() + count);
                CHECK(same_values(begun, floats(expected.begin(), expected.begin() + count)));
                CHECK(same_values(floats(wide.begin() + count, wide.end()),
                                  floats(wide.size() - static_cast<std::size_t>(count), -1.0F)));
                halves back(every.size());
                convert(count, wide.data(), back.data());
                CHECK(same_values(halves(back.begin(), back.begin() + count),
                                  halves(every.begin(), every.begin() + count)));
            }
        }
    }
}

TEST_CASE("activations of bf16 round once", "[kernels]") {
    const auto act = static_cast<activation>(GENERATE(range(0, 5)));
    for (const std::int64_t count : {1, 3, 16, 33, 70001}) {
        INFO("activation " << static_cast<int>(act) << " count " << count);
        const halves src = mixed(count, 1);
        const halves diff_dst = mixed(count, 2);
        check_rounds_once([&](auto storage) {
            using T = decltype(storage);
            const auto from = stored<T>(src);
            auto values = from;
            auto gradient = stored<T>(diff_dst);
            activation_forward(act, count, values.data(), values.data());
            activation_backward(act, count, from.data(), gradient.data(), gradient.data());
            outputs<T> result;
            result.add(values);
            result.add(gradient);
            return result;
        });
    }
}

TEST_CASE("sums of bf16 tensors round once", "[kernels]") {
    for (const std::int64_t count : {0, 1, 17, 100001}) {
        const halves a = mixed(count, 1);
        const halves b = mixed(count, 2);
        check_rounds_once([&](auto storage) {
            using T = decltype(storage);
            outputs<T> result;
            result.tensors = stored<T>(a);
            add_inplace(count, stored<T>(b).data(), result.tensors.data());
            return result;
        });
    }
}

TEST_CASE("channel operations on bf16 round once", "[kernels]") {
    for_each_image([](const image& p) {
        check_rounds_once([&](auto storage) {
            using T = decltype(storage);
            const auto src = stored<T>(p.src);
            auto scaled = src;
            auto diff = stored<T>(p.diff_dst);
            auto added = src;
            std::vector<T> constant(src.size());
            outputs<T> result;
            result.values = floats(2 * p.gate.size(), NAN);
            float* const mean = result.values.data();
            float* const gates = mean + p.gate.size();
            channel_mean(p.shape, src.data(), mean);
            channel_scale(p.shape, scaled.data(), p.gate.data(), scaled.data());
            channel_scale_gradient(p.shape, src.data(), diff.data(), p.gate.data(), diff.data(),
                                   gates);
            add_channel_constant(p.shape, p.gate.data(), 0.3F, added.data());
            set_channel_constant(p.shape, p.gate.data(), 0.3F, constant.data());
            result.add(scaled);
            result.add(diff);
            result.add(added);
            result.add(constant);
            return result;
        });
    });
}

TEST_CASE("the gradient of a channel scale may replace the forward input", "[kernels]") {
    const image p(2, 7 * 7, 37);
    check_rounds_once([&](auto storage) {
        using T = decltype(storage);
        outputs<T> result;
        result.tensors = stored<T>(p.src);
        result.values = floats(p.gate.size(), NAN);
        channel_scale_gradient(p.shape, result.tensors.data(), stored<T>(p.diff_dst).data(),
                               p.gate.data(), result.tensors.data(), result.values.data());
        return result;
    });
}
