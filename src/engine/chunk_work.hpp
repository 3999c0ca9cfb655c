// SPDX-License-Identifier: Apache-2.0
// What layers that go through the batch in chunks of images have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/kernels/batch_norm_passes.hpp"
#include "engine/onednn.hpp"
#include "engine/training.hpp"

namespace lathe::detail {

/// What a batch norm in front of a chunked convolution keeps from forward on, each per channel.
struct norm_state {
    float *scale, *shift, *mean, *inv_std, *factor;
    float *slope, *offset;  ///< after backward: kernels::gradient_terms

    [[nodiscard]] static std::int64_t floats(std::int64_t channels) {
        return 7 * rounded(channels);
    }
    [[nodiscard]] static norm_state in(float* memory, std::int64_t channels) {
        const std::int64_t step = rounded(channels);
        return {memory,
                memory + step,
                memory + 2 * step,
                memory + 3 * step,
                memory + 4 * step,
                memory + 5 * step,
                memory + 6 * step};
    }
    [[nodiscard]] kernels::normalization normalization() const { return {mean, factor, shift}; }
    [[nodiscard]] kernels::channel_statistics statistics(float* variance) const {
        return {scale, mean, variance, inv_std, factor};
    }
    [[nodiscard]] kernels::channel_gradients gradients(const float* sums, float* diff_scale,
                                                       float* diff_shift) const {
        return {sums, inv_std, factor, diff_scale, diff_shift, slope, offset};
    }
    [[nodiscard]] kernels::gradient_terms terms() const { return {slope, offset}; }
};

/// A batch norm in front of a chunked convolution, and the activation between them.
struct norm_in_chunks {
    parameter_view scale, shift;
    std::optional<activation> act;
    float epsilon;

    norm_in_chunks(const batch_norm_op& norm, std::optional<activation> activation,
                   const training_context& c)
        : scale(norm.scale, c.access),
          shift(norm.shift, c.access),
          act(activation),
          epsilon(norm.epsilon) {}
};

/// Rows and channels of the images of one chunk.
struct chunk_tensor {
    std::int64_t rows, channels;
    [[nodiscard]] std::int64_t values() const { return rows * channels; }
};

/// Images in a chunk: all chunks are alike, and there is one at least for each thread where the
/// batch has as many images. `values`: of the largest of its tensors, for the whole batch.
[[nodiscard]] inline std::int64_t chunk_images(std::int64_t values, const training_context& c) {
    // With the other tensors of the layer it fits in the second-level cache of current servers.
    constexpr std::int64_t chunk_bytes = 256 * 1024;
    const std::int64_t most = std::max<std::int64_t>(c.batch / c.threads, 1);
    const std::int64_t image_bytes = values / c.batch * size_of(c.images);
    std::int64_t images = std::clamp<std::int64_t>(chunk_bytes / image_bytes, 1, most);
    while (c.batch % images != 0) --images;
    return images;
}

/// For primitives that one thread executes on a chunk.
[[nodiscard]] inline training_context alone_on(std::int64_t images, const training_context& c) {
    return {c.net, images, 1, c.access, c.primitives, c.stream, c.images};
}

/// Memory that is cut into pieces, each of which begins at a cache line. Counts without memory.
class piece_counter {
public:
    std::int64_t take(std::int64_t floats) {
        const std::int64_t at = total_;
        total_ += rounded(floats);
        return at;
    }
    [[nodiscard]] std::int64_t total() const { return total_; }

private:
    std::int64_t total_ = 0;
};

/// What the recipes of all such layers say; `scratch` is for either direction.
[[nodiscard]] inline training_recipe recipe_in_chunks(std::int64_t chunks, const chunk_tensor& out,
                                                      std::int64_t saved, std::int64_t scratch) {
    training_recipe r;
    r.keeps_inputs = true;
    r.finishes_gradient = true;
    r.saved_floats = saved;
    r.forward_scratch = r.backward_scratch = scratch;
    r.moment_chunks = chunks;
    r.moment_floats = chunks * 2 * out.channels;
    return r;
}

template <class Body>
void for_each_chunk(const kernels::index_range& mine, bool from_the_end, const Body& body) {
    for (std::int64_t i = mine.first; i < mine.last; ++i) {
        body(from_the_end ? mine.last - 1 - (i - mine.first) : i);
    }
}

/// The two sums of one chunk.
[[nodiscard]] inline float* cleared_sums(float* sums, std::int64_t chunk, std::int64_t channels) {
    float* const of_chunk = sums + 2 * chunk * channels;
    std::fill_n(of_chunk, 2 * channels, 0.0F);
    return of_chunk;
}

/// Weights are arranged by one thread, with primitives made for one.
template <class Body>
void by_one_thread(const Body& body) {
    const thread_scope alone(1);
    body();
}

/// The output gradient of chunk k; where the batch norm behind has left it unfinished, a finished
/// copy in `place`.
template <class T>
[[nodiscard]] const T* finished_gradient(const kernels::batch_norm_passes<T>& passes,
                                         const backward_memory& m, std::int64_t k,
                                         const chunk_tensor& out, T* place) {
    const T* const dy = m.diff_out<T>() + k * out.values();
    if (m.unfinished == nullptr) return dy;
    const norm_state behind = norm_state::in(m.unfinished, out.channels);
    passes.gradient({}, out.channels, out.rows, static_cast<const T*>(m.output) + k * out.values(),
                    dy, behind.normalization(), behind.terms(), place, false);
    return place;
}

}  // namespace lathe::detail
