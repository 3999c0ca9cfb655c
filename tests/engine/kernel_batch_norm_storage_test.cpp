// SPDX-License-Identifier: Apache-2.0
// Batch norm on tensors stored in bf16 against batch norm on floats.
#include "engine/kernels/batch_norm.hpp"
#include "kernel_storage.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;

constexpr float epsilon = 1e-3F;

struct problem {
    batch_norm_shape shape;
    std::optional<lathe::activation> act;
    halves src, diff_dst;
    floats scale, shift;
};

problem make_problem(std::int64_t rows, std::int64_t channels,
                     std::optional<lathe::activation> act) {
    floats src = random_floats(rows * channels, 1, 3.0F);
    for (std::size_t i = 0; i < src.size(); ++i) src[i] += static_cast<float>(i % channels) * 0.25F;
    return {{rows, channels},
            act,
            narrowed(src),
            random_halves(rows * channels, 2),
            random_floats(channels, 3, 2.0F),
            random_floats(channels, 4, 2.0F)};
}

// The values per channel of both directions.
struct channel_values {
    floats mean, variance, inv_std, diff_scale, diff_shift, scratch;

    explicit channel_values(const batch_norm_shape& shape)
        : mean(shape.channels, NAN),
          variance(mean),
          inv_std(mean),
          diff_scale(mean),
          diff_shift(mean),
          scratch(batch_norm_scratch(shape), NAN) {}
};

template <class T>
void forward(const problem& p, const T* src, T* dst, channel_values& c) {
    batch_norm_forward<T>(p.shape, p.act, epsilon,
                          {src, p.scale.data(), p.shift.data(), dst, c.mean.data(),
                           c.variance.data(), c.inv_std.data(), c.scratch.data()});
}

template <class T>
void backward(const problem& p, const T* src, const T* diff_dst, T* diff_src, channel_values& c) {
    batch_norm_backward<T>(p.shape, p.act,
                           {src, diff_dst, p.scale.data(), p.shift.data(), c.mean.data(),
                            c.inv_std.data(), diff_src, c.diff_scale.data(), c.diff_shift.data(),
                            c.scratch.data()});
}

template <class T>
outputs<T> both_directions(const problem& p) {
    const auto src = stored<T>(p.src);
    std::vector<T> dst(src.size());
    std::vector<T> diff_src(src.size());
    channel_values c(p.shape);
    forward(p, src.data(), dst.data(), c);
    backward(p, src.data(), stored<T>(p.diff_dst).data(), diff_src.data(), c);
    outputs<T> result;
    result.add(dst);
    result.add(diff_src);
    for (const floats& values : {c.mean, c.variance, c.inv_std, c.diff_scale, c.diff_shift}) {
        result.add_values(values);
    }
    return result;
}

void check_both_directions(const problem& p) {
    check_rounds_once([&](auto storage) { return both_directions<decltype(storage)>(p); });
}

}  // namespace

TEST_CASE("batch norm of bf16 rounds once in both directions", "[kernels]") {
    const auto act = GENERATE(range(-1, 5));
    const std::optional<lathe::activation> kind =
        act < 0 ? std::nullopt : std::optional(static_cast<lathe::activation>(act));
    for (const std::int64_t channels : {1, 3, 8, 17, 33, 48, 64, 127}) {
        for (const std::int64_t rows : {1, 7, 13 * 13}) {
            INFO("activation " << act << " channels " << channels << " rows " << rows);
            check_both_directions(make_problem(rows, channels, kind));
        }
    }
}

TEST_CASE("batch norm of bf16 over many chunks", "[kernels]") {
    check_both_directions(make_problem(20011, 33, lathe::activation::relu));
    check_both_directions(make_problem(3001, 192, std::nullopt));
}

TEST_CASE("batch norm of bf16 passes NaN and infinity on to their channels alone", "[kernels]") {
    const auto kind = static_cast<lathe::activation>(GENERATE(range(0, 5)));
    problem p = make_problem(40, 37, kind);
    const halves special = special_halves();
    std::copy(special.begin(), special.end(), p.src.begin() + 7 * 37);
    check_both_directions(p);
    const outputs<bf16> result = both_directions<bf16>(p);
    int wrong = 0;
    for (std::size_t i = 0; i < p.src.size(); ++i) {
        const bool spoilt = i % 37 < 3;  // NaN and two infinities
        if (std::isnan(to_float(result.tensors[i])) != spoilt) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("batch norm of bf16 works in place", "[kernels]") {
    const problem p = make_problem(200, 40, lathe::activation::hard_swish);
    check_rounds_once([&](auto storage) {
        using T = decltype(storage);
        const auto src = stored<T>(p.src);
        auto dst = src;
        auto onto_gradient = stored<T>(p.diff_dst);
        auto onto_input = src;
        channel_values c(p.shape);
        forward(p, dst.data(), dst.data(), c);
        backward(p, onto_input.data(), onto_gradient.data(), onto_input.data(), c);
        backward(p, src.data(), onto_gradient.data(), onto_gradient.data(), c);
        const outputs<T> aside = both_directions<T>(p);
        outputs<T> result;
        result.add(dst);
        result.add(onto_gradient);
        CHECK(same_values(result.tensors, aside.tensors));
        CHECK(same_values(onto_input, onto_gradient));
        return result;
    });
}

TEST_CASE("batch norm of bf16 gives the same bits whether it writes past the caches or not",
          "[kernels]") {
    // Large and aligned to cache lines: written past the caches. One value further: not.
    const problem p = make_problem(82000, 64, lathe::activation::relu);
    const auto run = [&](std::size_t offset) {
        constexpr std::size_t line = 64 / sizeof(bf16);
        const std::size_t size = p.src.size();
        halves storage(size + 2 * line);
        const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
        bf16* const to = storage.data() + (64 - address % 64) % 64 / sizeof(bf16) + offset;
        channel_values c(p.shape);
        forward(p, p.src.data(), to, c);
        halves result(to, to + size);
        backward(p, p.src.data(), p.diff_dst.data(), to, c);
        result.insert(result.end(), to, to + size);
        return result;
    };
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        INFO("target " << hwy::TargetName(target));
        const halves expected = narrowed(both_directions<float>(p).tensors);
        CHECK(same_values(run(0), expected));
        CHECK(same_values(run(1), expected));
    }
}
