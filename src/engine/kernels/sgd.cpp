// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/sgd.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/sgd.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#ifndef LATHE_KERNELS_SGD_ONCE
#define LATHE_KERNELS_SGD_ONCE

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/kernels/chunks.hpp"
#include "engine/kernels/parallel.hpp"

#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE void step_at(D d, const sgd_settings& settings, const float* gradient, float* velocity,
                        float* weight) {
    const auto momentum = hn::Set(d, settings.momentum);
    const auto old = hn::LoadU(d, weight);
    const auto decay = hn::Mul(old, hn::Set(d, settings.weight_decay));
    const auto direction =
        hn::MulAdd(hn::LoadU(d, gradient), hn::Set(d, settings.gradient_scale), decay);
    const auto speed = hn::MulAdd(momentum, hn::LoadU(d, velocity), direction);
    hn::StoreU(speed, d, velocity);
    const auto ahead = hn::MulAdd(momentum, speed, direction);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, settings.learning_rate), ahead, old), d, weight);
}

void step(const sgd_settings& settings, std::int64_t count, const float* HWY_RESTRICT gradient,
          float* HWY_RESTRICT velocity, float* HWY_RESTRICT weight) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        step_at(d, settings, gradient + i, velocity + i, weight + i);
    }
    const hn::CappedTag<float, 1> one;
    for (; i < count; ++i) step_at(one, settings, gradient + i, velocity + i, weight + i);
}

// Sums of a few thousand floats at most, then double: no accuracy is lost in large tensors.
double squares(std::int64_t count, const float* HWY_RESTRICT values) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    constexpr std::int64_t run = 4096;
    double total = 0;
    std::int64_t i = 0;
    while (i + 2 * lanes <= count) {
        auto even = hn::Zero(d);
        auto odd = hn::Zero(d);
        const std::int64_t end = std::min(count, i + run);
        for (; i + 2 * lanes <= end; i += 2 * lanes) {
            const auto a = hn::LoadU(d, values + i);
            const auto b = hn::LoadU(d, values + i + lanes);
            even = hn::MulAdd(a, a, even);
            odd = hn::MulAdd(b, b, odd);
        }
        total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd))));
    }
    for (; i < count; ++i) total += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    return total;
}

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::kernels {
namespace {

HWY_EXPORT(step);
HWY_EXPORT(squares);

}  // namespace

void sgd_step(const sgd_settings& settings, std::span<const float> gradient,
              std::span<float> velocity, std::span<float> weight) {
    const row_chunks chunks(static_cast<std::int64_t>(weight.size()), 1);
    parallel_for(chunks.count(), [&](std::int64_t k) {
        const std::int64_t at = chunks.begin(k);
        HWY_DYNAMIC_DISPATCH(step)
        (settings, chunks.size(k), gradient.data() + at, velocity.data() + at, weight.data() + at);
    });
}

double sum_of_squares(std::span<const float> values) {
    const row_chunks chunks(static_cast<std::int64_t>(values.size()), 1);
    std::vector<double> sums(static_cast<std::size_t>(chunks.count()));
    parallel_for(chunks.count(), [&](std::int64_t k) {
        sums[static_cast<std::size_t>(k)] =
            HWY_DYNAMIC_DISPATCH(squares)(chunks.size(k), values.data() + chunks.begin(k));
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

}  // namespace lathe::kernels
#endif
