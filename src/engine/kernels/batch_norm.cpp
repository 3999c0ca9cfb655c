// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/batch_norm.hpp"

#include "engine/kernels/targets.hpp"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "engine/kernels/batch_norm-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {
namespace {

batch_norm_passes<float> passes_of_float() { return passes<float>(); }
batch_norm_passes<bf16> passes_of_bf16() { return passes<bf16>(); }

}  // namespace
}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <hwy/cache_control.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "engine/kernels/chunks.hpp"

namespace lathe::kernels {
namespace {

HWY_EXPORT(passes_of_float);
HWY_EXPORT(passes_of_bf16);

// Results larger than this are written past the caches: the next reader would miss them anyway, and
// ordinary stores would first read every line. (Slower for the next reader below about 10 MB.)
constexpr std::int64_t streamed_bytes = 10'000'000;

template <class T>
bool should_stream(const T* dst, const batch_norm_shape& shape) {
    const auto row_bytes = shape.channels * static_cast<std::int64_t>(sizeof(T));
    return shape.rows * row_bytes > streamed_bytes && row_bytes % line_bytes == 0 &&
           reinterpret_cast<std::uintptr_t>(dst) % line_bytes == 0;
}

// Mean and population variance of one channel from the chunks' shifted sums (Chan et al. 1983).
template <class T>
void combine_moments(const chunk_moments& moments, std::int64_t channels, const T* src,
                     std::int64_t channel, double& mean, double& variance) {
    const row_chunks& chunks = moments.chunks;
    const auto rows = static_cast<double>(chunks.rows());
    const auto part = [&](std::int64_t chunk) {
        struct result {
            double size, mean, squares;
        };
        const auto size = static_cast<double>(chunks.size(chunk));
        const double sum = moments.sums[2 * chunk * channels + channel];
        const double square = moments.sums[(2 * chunk + 1) * channels + channel];
        const double pivot = to_float(src[chunks.begin(chunk) * channels + channel]);
        return result{size, pivot + sum / size, square - sum * sum / size};
    };
    mean = 0;
    for (std::int64_t k = 0; k < chunks.count(); ++k) {
        const auto p = part(k);
        mean += p.size / rows * p.mean;
    }
    double squares = 0;
    for (std::int64_t k = 0; k < chunks.count(); ++k) {
        const auto p = part(k);
        squares += p.squares + p.size * (p.mean - mean) * (p.mean - mean);
    }
    // Rounding may leave a small negative number; NaN must stay NaN.
    variance = squares < 0 ? 0 : squares / rows;
}

}  // namespace

template <class T>
batch_norm_passes<T> batch_norm_passes_for() {
    if constexpr (std::is_same_v<T, bf16>) {
        return HWY_DYNAMIC_DISPATCH(passes_of_bf16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(passes_of_float)();
    }
}

template <class T>
void finish_moments(const chunk_moments& moments, std::int64_t channels, const T* src,
                    float epsilon, index_range part, const channel_statistics& out) {
    for (std::int64_t c = part.first; c < part.last; ++c) {
        double mean = 0;
        double variance = 0;
        combine_moments(moments, channels, src, c, mean, variance);
        set_statistics(out, c, mean, variance, epsilon);
    }
}

void set_statistics(const channel_statistics& out, std::int64_t channel, double mean,
                    double variance, float epsilon) {
    out.mean[channel] = static_cast<float>(mean);
    out.variance[channel] = static_cast<float>(variance);
    out.inv_std[channel] =
        static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
    out.factor[channel] = out.scale[channel] * out.inv_std[channel];
}

void finish_gradient_sums(std::int64_t chunks, std::int64_t rows, std::int64_t channels,
                          index_range part, const channel_gradients& g) {
    const auto count = static_cast<double>(rows);
    for (std::int64_t c = part.first; c < part.last; ++c) {
        double sum = 0;
        double product = 0;
        for (std::int64_t k = 0; k < chunks; ++k) {
            sum += static_cast<double>(g.sums[2 * k * channels + c]);
            product += static_cast<double>(g.sums[(2 * k + 1) * channels + c]);
        }
        const double inv_std = g.inv_std[c];
        g.diff_shift[c] = static_cast<float>(sum);
        g.diff_scale[c] = static_cast<float>(product * inv_std);
        g.slope[c] = static_cast<float>(g.factor[c] * inv_std * inv_std * product / count);
        g.offset[c] = static_cast<float>(g.factor[c] * sum / count);
    }
}

std::int64_t batch_norm_scratch(const batch_norm_shape& shape) {
    return (2 * row_chunks(shape.rows, shape.channels).count() + 3) * shape.channels;
}

template <class T>
void batch_norm_forward(const batch_norm_shape& shape, std::optional<activation> act,
                        float epsilon, const batch_norm_forward_args<T>& args) {
    const auto passes = batch_norm_passes_for<T>();
    const std::int64_t channels = shape.channels;
    const row_chunks chunks(shape.rows, channels);
    float* const factor = args.scratch;
    float* const sums = args.scratch + channels;
    const chunk_moments moments = args.moments.value_or(chunk_moments{sums, chunks});
    const channel_statistics statistics{args.scale, args.mean, args.variance, args.inv_std, factor};
    const bool streaming = should_stream(args.dst, shape);
#pragma omp parallel
    {
        const index_range mine = part_of_this_thread(chunks.count());
        for (std::int64_t k = mine.first; !args.moments && k < mine.last; ++k) {
            float* const chunk_sums = sums + 2 * k * channels;
            std::fill_n(chunk_sums, 2 * channels, 0.0F);
            const T* const src = args.src + chunks.begin(k) * channels;
            passes.moments(channels, chunks.size(k), src, src, chunk_sums);
        }
#pragma omp barrier
        finish_moments(moments, channels, args.src, epsilon, part_of_this_thread(channels),
                       statistics);
#pragma omp barrier
        // Backwards: what this thread read last is still in its cache.
        const normalization norm{args.mean, factor, args.shift};
        for (std::int64_t k = mine.last; k-- > mine.first;) {
            const std::int64_t at = chunks.begin(k) * channels;
            passes.normalize(act, channels, chunks.size(k), args.src + at, norm, args.dst + at,
                             streaming);
        }
        hwy::FlushStream();
    }
}

template <class T>
void batch_norm_backward(const batch_norm_shape& shape, std::optional<activation> act,
                         const batch_norm_backward_args<T>& args) {
    const auto passes = batch_norm_passes_for<T>();
    const std::int64_t channels = shape.channels;
    const row_chunks chunks(shape.rows, channels);
    float* const factor = args.scratch;
    float* const slope = factor + channels;
    float* const offset = slope + channels;
    float* const sums = offset + channels;
    const bool streaming = should_stream(args.diff_src, shape);
    for (std::int64_t c = 0; c < channels; ++c) factor[c] = args.scale[c] * args.inv_std[c];
    const normalization norm{args.mean, factor, args.shift};
#pragma omp parallel
    {
        const index_range mine = part_of_this_thread(chunks.count());
        for (std::int64_t k = mine.first; k < mine.last; ++k) {
            float* const chunk_sums = sums + 2 * k * channels;
            std::fill_n(chunk_sums, 2 * channels, 0.0F);
            const std::int64_t at = chunks.begin(k) * channels;
            passes.gradient_sums(act, channels, chunks.size(k), args.src + at, args.diff_dst + at,
                                 norm, chunk_sums);
        }
#pragma omp barrier
        finish_gradient_sums(chunks.count(), shape.rows, channels, part_of_this_thread(channels),
                             {sums, args.inv_std, factor, args.diff_scale, args.diff_shift, slope,
                              offset});
#pragma omp barrier
        const gradient_terms terms{slope, offset};
        for (std::int64_t k = mine.last; k-- > mine.first;) {
            const std::int64_t at = chunks.begin(k) * channels;
            passes.gradient(act, channels, chunks.size(k), args.src + at, args.diff_dst + at, norm,
                            terms, args.diff_src + at, streaming);
        }
        hwy::FlushStream();
    }
}

template batch_norm_passes<float> batch_norm_passes_for();
template batch_norm_passes<bf16> batch_norm_passes_for();
template void finish_moments(const chunk_moments&, std::int64_t, const float*, float, index_range,
                             const channel_statistics&);
template void finish_moments(const chunk_moments&, std::int64_t, const bf16*, float, index_range,
                             const channel_statistics&);
template void batch_norm_forward(const batch_norm_shape&, std::optional<activation>, float,
                                 const batch_norm_forward_args<float>&);
template void batch_norm_forward(const batch_norm_shape&, std::optional<activation>, float,
                                 const batch_norm_forward_args<bf16>&);
template void batch_norm_backward(const batch_norm_shape&, std::optional<activation>,
                                  const batch_norm_backward_args<float>&);
template void batch_norm_backward(const batch_norm_shape&, std::optional<activation>,
                                  const batch_norm_backward_args<bf16>&);

}  // namespace lathe::kernels
#endif
