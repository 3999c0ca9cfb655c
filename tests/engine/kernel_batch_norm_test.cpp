// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/batch_norm.hpp"

#include "kernel_reference.hpp"
#include "kernel_support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_test;
using doubles = std::vector<double>;

constexpr float epsilon = 1e-3F;

struct problem {
    batch_norm_shape shape;
    std::optional<lathe::activation> act;
    floats src, diff_dst, scale, shift;
};

problem make_problem(std::int64_t rows, std::int64_t channels,
                     std::optional<lathe::activation> act) {
    problem p{{rows, channels},
              act,
              random_floats(rows * channels, 1, 3.0F),
              random_floats(rows * channels, 2),
              random_floats(channels, 3, 2.0F),
              random_floats(channels, 4, 2.0F)};
    for (std::size_t i = 0; i < p.src.size(); ++i) {
        p.src[i] += static_cast<float>(i % channels) * 0.25F;
    }
    return p;
}

struct forward_result {
    floats dst, mean, variance, inv_std;
};

forward_result forward(const problem& p) {
    const auto channels = static_cast<std::size_t>(p.shape.channels);
    forward_result r{floats(p.src.size(), NAN), floats(channels, NAN), floats(channels, NAN),
                     floats(channels, NAN)};
    floats scratch(batch_norm_scratch(p.shape), NAN);
    batch_norm_forward(p.shape, p.act, epsilon,
                       {p.src.data(), p.scale.data(), p.shift.data(), r.dst.data(), r.mean.data(),
                        r.variance.data(), r.inv_std.data(), scratch.data()});
    return r;
}

// All outputs of both directions one after the other.
floats run_both(const problem& p) {
    const auto channels = static_cast<std::size_t>(p.shape.channels);
    const forward_result f = forward(p);
    floats diff_src(p.src.size(), NAN);
    floats diff_scale(channels, NAN);
    floats diff_shift(channels, NAN);
    floats scratch(batch_norm_scratch(p.shape), NAN);
    batch_norm_backward(p.shape, p.act,
                        {p.src.data(), p.diff_dst.data(), p.scale.data(), p.shift.data(),
                         f.mean.data(), f.inv_std.data(), diff_src.data(), diff_scale.data(),
                         diff_shift.data(), scratch.data()});
    floats all;
    for (const floats& part :
         {f.dst, f.mean, f.variance, f.inv_std, diff_src, diff_scale, diff_shift}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

doubles plain_both(const problem& p) {
    const std::int64_t rows = p.shape.rows;
    const std::int64_t channels = p.shape.channels;
    doubles dst(p.src.size()), diff_src(p.src.size());
    doubles mean(channels), variance(channels), inv_std(channels), diff_scale(channels),
        diff_shift(channels);
    for (std::int64_t c = 0; c < channels; ++c) {
        const auto at = [&](std::int64_t row) { return row * channels + c; };
        const auto count = static_cast<double>(rows);
        for (std::int64_t r = 0; r < rows; ++r) mean[c] += p.src[at(r)] / count;
        for (std::int64_t r = 0; r < rows; ++r) {
            variance[c] += (p.src[at(r)] - mean[c]) * (p.src[at(r)] - mean[c]) / count;
        }
        inv_std[c] = 1 / std::sqrt(variance[c] + epsilon);
        doubles normal(rows), gradient(rows);
        for (std::int64_t r = 0; r < rows; ++r) {
            normal[r] = (p.src[at(r)] - mean[c]) * inv_std[c];
            const double value = p.scale[c] * normal[r] + p.shift[c];
            dst[at(r)] = plain_activation(p.act, value);
            gradient[r] = p.diff_dst[at(r)] * plain_slope(p.act, value);
            diff_shift[c] += gradient[r];
            diff_scale[c] += gradient[r] * normal[r];
        }
        for (std::int64_t r = 0; r < rows; ++r) {
            diff_src[at(r)] =
                p.scale[c] * inv_std[c] *
                (gradient[r] - diff_shift[c] / count - normal[r] * diff_scale[c] / count);
        }
    }
    doubles all;
    for (const doubles& part : {dst, mean, variance, inv_std, diff_src, diff_scale, diff_shift}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

}  // namespace

TEST_CASE("batch norm equals plain loops in both directions", "[kernels]") {
    const auto act = GENERATE(range(-1, 5));
    const std::optional<lathe::activation> kind =
        act < 0 ? std::nullopt : std::optional(static_cast<lathe::activation>(act));
    for (const std::int64_t channels : {1, 3, 8, 17, 33, 48, 64, 127}) {
        for (const std::int64_t rows : {2, 7, 13 * 13}) {
            INFO("activation " << act << " channels " << channels << " rows " << rows);
            const problem p = make_problem(rows, channels, kind);
            check_everywhere([&] { return run_both(p); }, plain_both(p), 2e-5);
        }
    }
}

TEST_CASE("batch norm over many chunks", "[kernels]") {
    const problem p = make_problem(20011, 33, lathe::activation::relu);
    REQUIRE(batch_norm_scratch(p.shape) > 2 * 16 * 33);
    check_everywhere([&] { return run_both(p); }, plain_both(p), 2e-5);
}

TEST_CASE("batch norm statistics of values far from zero", "[kernels]") {
    problem p = make_problem(5000, 4, std::nullopt);
    for (float& value : p.src) value = 1000.0F + 0.01F * value;
    doubles expected(4);
    for (std::int64_t c = 0; c < 4; ++c) {
        double mean = 0;
        for (std::int64_t r = 0; r < 5000; ++r) mean += p.src[r * 4 + c] / 5000.0;
        for (std::int64_t r = 0; r < 5000; ++r) {
            expected[c] += (p.src[r * 4 + c] - mean) * (p.src[r * 4 + c] - mean) / 5000.0;
        }
    }
    check_everywhere([&] { return forward(p).variance; }, expected);
}

TEST_CASE("batch norm of one row and of constant channels is finite", "[kernels]") {
    problem p = make_problem(1, 5, std::nullopt);
    for (const float value : run_both(p)) CHECK(std::isfinite(value));
    p = make_problem(300, 5, lathe::activation::relu);
    std::fill(p.src.begin(), p.src.end(), 0.1F);
    const forward_result f = forward(p);
    CHECK(f.variance == floats(5, 0.0F));
    for (const float value : f.dst) CHECK(std::isfinite(value));
}

TEST_CASE("batch norm passes NaN on to its channel alone", "[kernels]") {
    const auto kind = static_cast<lathe::activation>(GENERATE(range(0, 5)));
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        problem p = make_problem(40, 20, kind);
        p.src[7 * 20 + 18] = NAN;
        const forward_result f = forward(p);
        INFO("target " << hwy::TargetName(target));
        int wrong = 0;
        for (std::size_t i = 0; i < f.dst.size(); ++i) {
            if (std::isnan(f.dst[i]) != (i % 20 == 18)) ++wrong;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("batch norm works in place", "[kernels]") {
    problem p = make_problem(200, 24, lathe::activation::hard_swish);
    const floats expected = run_both(p);
    const forward_result f = forward(p);
    floats scratch(batch_norm_scratch(p.shape));
    floats diff = p.diff_dst;
    floats diff_scale(24), diff_shift(24), mean(24), variance(24), inv_std(24);
    batch_norm_backward(p.shape, p.act,
                        {p.src.data(), diff.data(), p.scale.data(), p.shift.data(), f.mean.data(),
                         f.inv_std.data(), diff.data(), diff_scale.data(), diff_shift.data(),
                         scratch.data()});
    batch_norm_forward(p.shape, p.act, epsilon,
                       {p.src.data(), p.scale.data(), p.shift.data(), p.src.data(), mean.data(),
                        variance.data(), inv_std.data(), scratch.data()});
    const auto begin = expected.begin();
    CHECK(same_bits(p.src, floats(begin, begin + 4800)));
    CHECK(same_bits(diff, floats(begin + 4800 + 72, begin + 4800 + 72 + 4800)));
}

TEST_CASE("batch norm gives the same bits whether it writes past the caches or not", "[kernels]") {
    // Large and aligned to cache lines: written past the caches. One float further: not.
    const problem p = make_problem(41000, 64, lathe::activation::relu);
    const forward_result f = forward(p);
    const auto run = [&](std::size_t offset) {
        constexpr std::size_t line = 16;
        const std::size_t size = p.src.size();
        floats storage(size + 2 * line, NAN);
        const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
        float* const diff = storage.data() + (64 - address % 64) % 64 / sizeof(float) + offset;
        floats scratch(batch_norm_scratch(p.shape)), diff_scale(64), diff_shift(64);
        batch_norm_backward(p.shape, p.act,
                            {p.src.data(), p.diff_dst.data(), p.scale.data(), p.shift.data(),
                             f.mean.data(), f.inv_std.data(), diff, diff_scale.data(),
                             diff_shift.data(), scratch.data()});
        floats result(diff, diff + size);
        floats mean(64), variance(64), inv_std(64);
        batch_norm_forward(p.shape, p.act, epsilon,
                           {p.src.data(), p.scale.data(), p.shift.data(), diff, mean.data(),
                            variance.data(), inv_std.data(), scratch.data()});
        result.insert(result.end(), diff, diff + size);
        return result;
    };
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        CHECK(same_bits(run(0), run(1)));
    }
}

TEST_CASE("batch norm takes moments that somebody else has taken, in chunks of their own", "[kernels]") {
    const problem p = make_problem(60, 21, lathe::activation::relu);
    const std::int64_t channels = p.shape.channels;
    const forward_result own = forward(p);
    for (const std::int64_t count : {1, 4, 60}) {
        const auto chunks = row_chunks::of(p.shape.rows, count);
        floats sums(2 * count * channels, 0.0F);
        for (std::int64_t k = 0; k < count; ++k) {
            const float* const rows = p.src.data() + chunks.begin(k) * channels;
            batch_norm_passes_for<float>().moments(channels, chunks.size(k), rows, rows,
                                                   sums.data() + 2 * k * channels);
        }
        forward_result given = own;
        floats scratch(batch_norm_scratch(p.shape), NAN);
        batch_norm_forward(p.shape, p.act, epsilon,
                           {p.src.data(), p.scale.data(), p.shift.data(), given.dst.data(),
                            given.mean.data(), given.variance.data(), given.inv_std.data(),
                            scratch.data(), chunk_moments{sums.data(), chunks}});
        for (std::size_t c = 0; c < own.mean.size(); ++c) {
            CHECK(given.mean[c] == Approx(own.mean[c]).margin(1e-6));
            CHECK(given.variance[c] == Approx(own.variance[c]).epsilon(1e-5));
        }
        for (std::size_t i = 0; i < own.dst.size(); ++i) {
            CHECK(given.dst[i] == Approx(own.dst[i]).margin(1e-5));
        }
    }
}

TEST_CASE("batch norm's gradient in two steps has the bits of one", "[kernels]") {
    const auto act = GENERATE(lathe::activation::relu, lathe::activation::gelu);
    const problem p = make_problem(37, 21, act);
    const std::int64_t channels = p.shape.channels;
    const auto passes = batch_norm_passes_for<float>();
    const floats mean = random_floats(channels, 5), factor = random_floats(channels, 6);
    const floats slope = random_floats(channels, 7), offset = random_floats(channels, 8);
    const normalization norm{mean.data(), factor.data(), p.shift.data()};
    const gradient_terms terms{slope.data(), offset.data()};
    floats once(p.src.size()), twice = p.diff_dst;
    floats sums(2 * channels, 0.0F), sums_on_the_way(2 * channels, 0.0F);
    passes.gradient_sums(act, channels, p.shape.rows, p.src.data(), p.diff_dst.data(), norm,
                         sums.data());
    passes.gradient(act, channels, p.shape.rows, p.src.data(), p.diff_dst.data(), norm, terms,
                    once.data(), false);
    passes.activation_gradient(act, channels, p.shape.rows, p.src.data(), twice.data(), norm,
                               sums_on_the_way.data());
    passes.gradient({}, channels, p.shape.rows, p.src.data(), twice.data(), norm, terms,
                    twice.data(), false);
    CHECK(twice == once);
    CHECK(sums_on_the_way == sums);
}
