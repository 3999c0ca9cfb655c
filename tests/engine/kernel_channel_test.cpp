// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/channel.hpp"

#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;
using doubles = std::vector<double>;

struct problem {
    channel_shape shape;
    floats src, diff_dst, gate;

    problem(std::int64_t batch, std::int64_t pixels, std::int64_t channels)
        : shape{batch, pixels, channels},
          src(random_floats(batch * pixels * channels, 1)),
          diff_dst(random_floats(batch * pixels * channels, 2)),
          gate(random_floats(batch * channels, 3)) {}

    // body(index in the image tensor, index of image and channel)
    template <class Body>
    void each(const Body& body) const {
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(src.size()); ++i) {
            const std::int64_t image = i / (shape.pixels * shape.channels);
            body(i, image * shape.channels + i % shape.channels);
        }
    }
};

template <class Body>
void for_each_problem(const Body& body) {
    for (const std::int64_t channels : {1, 3, 8, 17, 33, 48, 131}) {
        for (const std::int64_t pixels : {1, 7 * 7, 13 * 13}) {
            for (const std::int64_t batch : {1, 5}) {
                INFO("batch " << batch << " pixels " << pixels << " channels " << channels);
                body(problem(batch, pixels, channels));
            }
        }
    }
}

}  // namespace

TEST_CASE("channel mean equals a plain loop", "[kernels]") {
    for_each_problem([](const problem& p) {
        doubles expected(p.gate.size());
        p.each([&](std::int64_t i, std::int64_t v) {
            expected[v] += p.src[i] / static_cast<double>(p.shape.pixels);
        });
        const auto compute = [&] {
            floats mean(p.gate.size(), NAN);
            channel_mean(p.shape, p.src.data(), mean.data());
            return mean;
        };
        check_everywhere(compute, expected);
    });
}

TEST_CASE("channel scale and its gradients equal plain loops", "[kernels]") {
    for_each_problem([](const problem& p) {
        doubles expected, diff_src, diff_gate(p.gate.size());
        p.each([&](std::int64_t i, std::int64_t v) {
            expected.push_back(static_cast<double>(p.src[i]) * p.gate[v]);
            diff_src.push_back(static_cast<double>(p.diff_dst[i]) * p.gate[v]);
            diff_gate[v] += static_cast<double>(p.diff_dst[i]) * p.src[i];
        });
        expected.insert(expected.end(), diff_src.begin(), diff_src.end());
        expected.insert(expected.end(), diff_gate.begin(), diff_gate.end());
        const auto compute = [&] {
            floats result(p.src.size(), NAN), diff = p.diff_dst, gates(p.gate.size(), NAN);
            channel_scale(p.shape, p.src.data(), p.gate.data(), result.data());
            channel_scale_gradient(p.shape, p.src.data(), diff.data(), p.gate.data(), diff.data(),
                                   gates.data());
            result.insert(result.end(), diff.begin(), diff.end());
            result.insert(result.end(), gates.begin(), gates.end());
            return result;
        };
        check_everywhere(compute, expected);
    });
}

TEST_CASE("channel constants equal plain loops", "[kernels]") {
    for_each_problem([](const problem& p) {
        doubles added, set;
        p.each([&](std::int64_t i, std::int64_t v) {
            added.push_back(p.src[i] + 0.25 * p.gate[v]);
            set.push_back(0.25 * p.gate[v]);
        });
        added.insert(added.end(), set.begin(), set.end());
        const auto compute = [&] {
            floats result = p.src, constant(p.src.size(), NAN);
            add_channel_constant(p.shape, p.gate.data(), 0.25F, result.data());
            set_channel_constant(p.shape, p.gate.data(), 0.25F, constant.data());
            result.insert(result.end(), constant.begin(), constant.end());
            return result;
        };
        check_everywhere(compute, added);
    });
}
