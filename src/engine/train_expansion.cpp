// SPDX-License-Identifier: Apache-2.0
#include "engine/train_expansion.hpp"

#include <algorithm>
#include <vector>

#include "engine/chunk_convolution.hpp"
#include "engine/chunk_work.hpp"
#include "engine/input_covariance.hpp"
#include "engine/kernels/elementwise.hpp"

namespace lathe::detail {
namespace {

/// Below, the tensor in between stays in the caches anyway, and matrices of the input's channels
/// take longer than they save.
constexpr std::int64_t least_bytes = 4'000'000;
/// Above, not even one image fits in a core's cache.
constexpr std::int64_t most_image_bytes = 1'000'000;

/// How the parts of the layer see one chunk of `images`.
struct chunk_shapes {
    convolution_shape expand, mix, depthwise;

    chunk_shapes(const expansion& e, const training_context& c)
        : expand(shape_of(e.expand, e.expand_node, c)),
          mix(expand),
          depthwise(shape_of(e.depthwise, e.depthwise_node, c)) {
        const std::int64_t images = chunk_images(expand.out_rows() * expand.out_channels, c);
        mix.out_channels = mix.in_channels;
        expand.batch = mix.batch = depthwise.batch = images;
    }
};

void round_to(std::int64_t /*count*/, float* /*values*/, float* /*scratch*/) {}
void round_to(std::int64_t count, float* values, kernels::bf16* scratch) {
    kernels::convert(count, values, scratch);
    kernels::convert(count, scratch, values);
}

/// Expand: products of pixels and the weights; Mix: of pixels and a square matrix.
template <class T, ChunkProducts Expand, ChunkProducts Mix>
class expansion_layer {
public:
    expansion_layer(Expand expand, Mix mix, const chunk_shapes& s, const expansion& e,
                    const training_context& c)
        : expand_(std::move(expand)),
          mix_(std::move(mix)),
          depthwise_(parameter_view(e.depthwise.weight, c.access), s.depthwise),
          weight_(e.expand.weight, c.access),
          norm_(e.norm, e.act, c),
          passes_(kernels::batch_norm_passes_for<T>()),
          chunks_(c.batch / s.expand.batch),
          in_{s.expand.in_rows(), s.expand.in_channels},
          hidden_{s.expand.out_rows(), s.expand.out_channels},
          out_{s.depthwise.out_rows(), s.depthwise.out_channels} {
        const std::int64_t channels = in_.channels;
        const std::int64_t weights = weight_.size();
        const std::int64_t square = channels * channels;
        piece_counter saved;
        saved_.norm = saved.take(norm_state::floats(hidden_.channels));
        saved_.mean = saved.take(channels);
        saved_.weights = saved.take(weights);
        saved_.weighted = saved.take(weights);
        saved_.forward = saved.take(expand_.arranged_floats());
        saved_.depthwise = saved.take(depthwise_.arranged_floats());
        saved_.total = saved.total();
        piece_counter thread;
        thread_.weight_sums = thread.take(weights);
        thread_.depthwise_sums = thread.take(depthwise_.sum_floats());
        thread_.products = thread.take(square + 2 * channels);
        thread_.all_products = thread.take(2 * input_covariance::product_values(channels));
        thread_.zeros = thread.take(channels);
        thread_.raw = thread.take(floats_for<T>(hidden_.values()));
        thread_.hidden = thread.take(floats_for<T>(hidden_.values()));
        thread_.output_gradient = thread.take(floats_for<T>(out_.values()));
        thread_.input = thread.take(floats_for<T>(in_.values()));
        thread_.scratch = thread.take(std::max(
            {expand_.scratch_floats(), mix_.scratch_floats(), depthwise_.scratch_floats()}));
        thread_.total = thread.total();
        piece_counter shared;
        shared_.plain =
            shared.take(2 * rounded(std::max({weights, square, depthwise_.plain_floats()})));
        shared_.sums = shared.take(chunks_ * 2 * hidden_.channels);
        shared_.diff_scale = shared.take(hidden_.channels);
        shared_.diff_shift = shared.take(hidden_.channels);
        shared_.covariance = shared.take(square);
        shared_.scaled = shared.take(weights);
        shared_.scaled_arranged = shared.take(expand_.arranged_floats());
        shared_.mix = shared.take(mix_.arranged_floats());
        shared_.mix_terms = shared.take(3 * rounded(channels));
        shared_.threads = shared.take(c.threads * thread_.total);
        shared_.total = shared.total();
    }

    [[nodiscard]] training_recipe recipe() const {
        training_recipe r = recipe_in_chunks(chunks_, out_, saved_.total, shared_.total);
        r.gradient_optional = true;
        r.accumulates = true;
        r.forward = [layer = *this](const forward_memory& m) { layer.forward(m); };
        r.backward = [layer = *this](const backward_memory& m) { layer.backward(m); };
        return r;
    }

private:
    [[nodiscard]] norm_state norm_in(float* saved) const {
        return norm_state::in(saved + saved_.norm, hidden_.channels);
    }
    [[nodiscard]] input_covariance covariance_of(const forward_memory& m) const {
        return {in_.channels, m.saved + saved_.mean, m.scratch + shared_.covariance};
    }
    [[nodiscard]] float* thread_memory(float* scratch, int thread = omp_get_thread_num()) const {
        return scratch + shared_.threads + thread * thread_.total;
    }
    [[nodiscard]] double* all_products(float* memory) const {
        return reinterpret_cast<double*>(memory + thread_.all_products);
    }
    [[nodiscard]] static T* values(float* memory, std::int64_t at) {
        return reinterpret_cast<T*>(memory + at);
    }

    void forward(const forward_memory& m) const {
        arrange(m);
        const norm_state norm = norm_in(m.saved);
#pragma omp parallel
        {
            const thread_scope alone(1);
            const kernels::index_range mine = kernels::part_of_this_thread(chunks_);
            float* const memory = thread_memory(m.scratch);
            take_input_products(m, mine, memory);
            take_statistics(m, norm);
            auto expand = expand_.forward_call(m.saved + saved_.forward, memory + thread_.scratch);
            auto convolve =
                depthwise_.forward_call(m.saved + saved_.depthwise, memory + thread_.scratch);
            T* const hidden = values(memory, thread_.hidden);
            for_each_chunk(mine, m.from_the_end, [&](std::int64_t k) {
                expand(m.in<T>() + k * in_.values(), hidden);
                passes_.normalize(norm_.act, hidden_.channels, hidden_.rows, hidden,
                                  norm.normalization(), hidden, false);
                T* const y = m.out<T>() + k * out_.values();
                convolve(hidden, y);
                if (m.output_moments == nullptr) return;
                passes_.moments(out_.channels, out_.rows, y, y,
                                cleared_sums(m.output_moments, k, out_.channels));
            });
        }
        std::copy_n(norm.mean, hidden_.channels, m.statistics->mean.data());
    }

    /// The weights as the products see them: statistics are those of what is really computed.
    void arrange(const forward_memory& m) const {
        by_one_thread([&] {
            float* const weights = m.saved + saved_.weights;
            weight_.read(weights);
            round_to(weight_.size(), weights, values(m.scratch, shared_.plain));
            expand_.arrange_forward(weights, m.saved + saved_.forward);
            depthwise_.arrange_forward(m.saved + saved_.depthwise, m.scratch + shared_.plain);
        });
        const norm_state norm = norm_in(m.saved);
        norm_.scale.read(norm.scale);
        norm_.shift.read(norm.shift);
    }

    /// Sums of x x^T and of x over the chunks of this thread, those of each chunk in float.
    void take_input_products(const forward_memory& m, const kernels::index_range& mine,
                             float* memory) const {
        const std::int64_t channels = in_.channels;
        const std::int64_t count = input_covariance::product_values(channels);
        float* const products = memory + thread_.products;
        double* const all = all_products(memory);
        std::fill_n(all, count, 0.0);
        std::fill_n(memory + thread_.zeros, channels, 0.0F);
        auto add_products = mix_.weight_call(products, memory + thread_.scratch);
        for_each_chunk(mine, !m.from_the_end, [&](std::int64_t k) {
            const T* const x = m.in<T>() + k * in_.values();
            std::fill_n(products, channels * channels + 2 * channels, 0.0F);
            add_products(x, x);
            passes_.moments(channels, in_.rows, x, values(memory, thread_.zeros),
                            products + channels * channels);
            for (std::int64_t i = 0; i < count; ++i) all[i] += double{products[i]};
        });
#pragma omp barrier
#pragma omp single
        {
            std::vector<const double*> parts;
            for (int t = 0; t < omp_get_num_threads(); ++t) {
                parts.push_back(all_products(thread_memory(m.scratch, t)));
            }
            covariance_of(m).take(parts, chunks_ * in_.rows);
        }
    }

    /// Called by all threads; ends with a barrier.
    void take_statistics(const forward_memory& m, const norm_state& norm) const {
        combine_channels(covariance_of(m), m.saved + saved_.weights,
                         kernels::part_of_this_thread(hidden_.channels), norm_.epsilon,
                         m.saved + saved_.weighted, norm.statistics(m.statistics->variance.data()));
#pragma omp barrier
    }

    void backward(const backward_memory& m) const {
        const norm_state norm = norm_in(m.saved);
        arrange_scaled(m, norm);
        std::int64_t team = 1;
#pragma omp parallel
        {
            const thread_scope alone(1);
            const kernels::index_range mine = kernels::part_of_this_thread(chunks_);
            float* const memory = thread_memory(m.scratch);
            go_back(m, norm, mine, memory);
#pragma omp barrier
            kernels::finish_gradient_sums(
                chunks_, chunks_ * hidden_.rows, hidden_.channels,
                kernels::part_of_this_thread(hidden_.channels),
                norm.gradients(m.scratch + shared_.sums, m.scratch + shared_.diff_scale,
                               m.scratch + shared_.diff_shift));
#pragma omp barrier
            if (m.diff_in<T>() != nullptr) finish_input_gradient(m, norm, mine, memory);
#pragma omp single nowait
            team = omp_get_num_threads();
        }
        by_one_thread([&] { add_weight_gradients(m, norm, team); });
        norm_.scale.add_gradient(m.scratch + shared_.diff_scale);
        norm_.shift.add_gradient(m.scratch + shared_.diff_shift);
    }

    /// diag(factor) W, as the products see it.
    void arrange_scaled(const backward_memory& m, const norm_state& norm) const {
        by_one_thread([&] {
            float* const scaled = m.scratch + shared_.scaled;
            const float* const weights = m.saved + saved_.weights;
            for (std::int64_t o = 0; o < hidden_.channels; ++o) {
                for (std::int64_t i = 0; i < in_.channels; ++i) {
                    const std::int64_t at = o * in_.channels + i;
                    scaled[at] = norm.factor[o] * weights[at];
                }
            }
            round_to(weight_.size(), scaled, values(m.scratch, shared_.plain));
            expand_.arrange_backward(scaled, m.scratch + shared_.plain,
                                     m.scratch + shared_.scaled_arranged);
        });
    }

    /// Everything that needs no sums over the batch.
    void go_back(const backward_memory& m, const norm_state& norm, const kernels::index_range& mine,
                 float* memory) const {
        float* const scratch = memory + thread_.scratch;
        std::fill_n(memory + thread_.weight_sums, weight_.size(), 0.0F);
        std::fill_n(memory + thread_.depthwise_sums, depthwise_.sum_floats(), 0.0F);
        auto expand = expand_.forward_call(m.saved + saved_.forward, scratch);
        auto add_depthwise_gradient =
            depthwise_.weight_call(memory + thread_.depthwise_sums, scratch);
        auto depthwise_gradient = depthwise_.data_call(m.saved + saved_.depthwise, scratch);
        auto add_expand_gradient = expand_.weight_call(memory + thread_.weight_sums, scratch);
        auto expand_gradient = expand_.data_call(m.scratch + shared_.scaled_arranged, scratch);
        T* const raw = values(memory, thread_.raw);
        T* const hidden = values(memory, thread_.hidden);  // and then its gradient
        for_each_chunk(mine, m.from_the_end, [&](std::int64_t k) {
            const T* const x = m.in<T>() + k * in_.values();
            expand(x, raw);
            passes_.normalize(norm_.act, hidden_.channels, hidden_.rows, raw, norm.normalization(),
                              hidden, false);
            const T* const dy =
                finished_gradient(passes_, m, k, out_, values(memory, thread_.output_gradient));
            add_depthwise_gradient(dy, hidden);
            depthwise_gradient(dy, hidden);
            passes_.activation_gradient(
                norm_.act, hidden_.channels, hidden_.rows, raw, hidden, norm.normalization(),
                cleared_sums(m.scratch + shared_.sums, k, hidden_.channels));
            add_expand_gradient(hidden, x);
            if (m.diff_in<T>() == nullptr) return;
            T* const dx = m.diff_in<T>() + k * in_.values();
            if (!m.diff_inputs[0].accumulate) return expand_gradient(hidden, dx);
            expand_gradient(hidden, values(memory, thread_.input));
            kernels::add_inplace(in_.values(), values(memory, thread_.input), dx);
        });
    }

    /// dx -= W^T (slope (W (x - mean)) + offset), with the constant that makes the sum over all
    /// pixels zero for the matrices as they are rounded. Called by all threads.
    void finish_input_gradient(const backward_memory& m, const norm_state& norm,
                               const kernels::index_range& mine, float* memory) const {
        const std::int64_t channels = in_.channels;
        const float* const weights = m.saved + saved_.weights;
        float* const matrix = m.scratch + shared_.plain;
        weight_products(weights, norm.slope, hidden_.channels, channels,
                        kernels::part_of_this_thread(channels), matrix);
        float* const zeros = m.scratch + shared_.mix_terms;
        float* const ones = zeros + rounded(channels);
        float* const constant = ones + rounded(channels);
#pragma omp barrier
#pragma omp single
        {
            round_to(channels * channels, matrix,
                     values(m.scratch, shared_.plain + rounded(channels * channels)));
            mix_.arrange_forward(matrix, m.scratch + shared_.mix);
            std::fill_n(zeros, channels, 0.0F);
            std::fill_n(ones, channels, 1.0F);
            take_constant(m, matrix, constant);
        }
        auto mix = mix_.forward_call(m.scratch + shared_.mix, memory + thread_.scratch);
        T* const mixed = values(memory, thread_.input);
        for_each_chunk(mine, !m.from_the_end, [&](std::int64_t k) {
            mix(m.in<T>() + k * in_.values(), mixed);
            T* const dx = m.diff_in<T>() + k * in_.values();
            passes_.gradient({}, channels, in_.rows, mixed, dx, {zeros, ones, zeros},
                             {ones, constant}, dx, false);
        });
    }

    /// The mean over all pixels of what the chunks have left, minus that of the products with
    /// `matrix`.
    void take_constant(const backward_memory& m, const float* matrix, float* constant) const {
        const std::int64_t channels = in_.channels;
        const float* const scaled = m.scratch + shared_.scaled;
        const float* const gradient_sums = m.scratch + shared_.diff_shift;
        const float* const mean = m.saved + saved_.mean;
        const auto pixels = static_cast<double>(chunks_ * in_.rows);
        for (std::int64_t i = 0; i < channels; ++i) {
            double sum = 0.0;
            for (std::int64_t o = 0; o < hidden_.channels; ++o) {
                sum += double{scaled[o * channels + i]} * double{gradient_sums[o]};
            }
            sum /= pixels;
            for (std::int64_t j = 0; j < channels; ++j) {
                sum -= double{matrix[i * channels + j]} * double{mean[j]};
            }
            constant[i] = static_cast<float>(sum);
        }
    }

    /// dW = diag(factor) g^T x - pixels (diag(slope) W covariance + offset mean^T).
    void add_weight_gradients(const backward_memory& m, const norm_state& norm,
                              std::int64_t team) const {
        float* const first = m.scratch + shared_.threads;
        float* const sums = first + thread_.weight_sums;
        add_parts(sums, weight_.size(), thread_.total, team);
        const float* const weighted = m.saved + saved_.weighted;
        const float* const mean = m.saved + saved_.mean;
        const auto pixels = static_cast<float>(chunks_ * in_.rows);
        for (std::int64_t o = 0; o < hidden_.channels; ++o) {
            for (std::int64_t i = 0; i < in_.channels; ++i) {
                const std::int64_t at = o * in_.channels + i;
                sums[at] = norm.factor[o] * sums[at] -
                           pixels * (norm.slope[o] * weighted[at] + norm.offset[o] * mean[i]);
            }
        }
        weight_.add_gradient(sums);
        depthwise_.add_to_master(first + thread_.depthwise_sums, thread_.total, team,
                                 m.scratch + shared_.plain);
    }

    Expand expand_;
    Mix mix_;
    depthwise_chunks<T> depthwise_;
    parameter_view weight_;
    norm_in_chunks norm_;
    kernels::batch_norm_passes<T> passes_;
    std::int64_t chunks_;
    chunk_tensor in_, hidden_, out_;
    // Places.
    struct {
        std::int64_t norm, mean, weights, weighted, forward, depthwise, total;
    } saved_;
    struct {
        std::int64_t weight_sums, depthwise_sums, products, all_products, zeros, raw, hidden,
            output_gradient, input, scratch, total;
    } thread_;
    struct {
        std::int64_t plain, sums, diff_scale, diff_shift, covariance, scaled, scaled_arranged, mix,
            mix_terms, threads, total;
    } shared_;
};

}  // namespace

bool begins_expansion(const conv2d_op& o, const node& n, const training_context& c) {
    const convolution_shape s = shape_of(o, n, c);
    const std::int64_t bytes = s.out_rows() * s.out_channels * size_of(c.images);
    return s.is_pointwise() && s.out_channels >= 2 * s.in_channels && bytes >= least_bytes &&
           bytes <= most_image_bytes * c.batch && is_trained_in_chunks(o, n, c);
}

training_recipe train_expansion(const expansion& e, const training_context& c) {
    const chunk_shapes s(e, c);
    const training_context alone = alone_on(s.expand.batch, c);
    return with_stored(c.images, [&]<class T>(T) {
        using gradient = onednn_convolution::gradient;
        return with_products<T>(s.expand, gradient::data, alone, [&](auto expand) {
            return with_products<T>(s.mix, gradient::none, alone, [&](auto mix) {
                using layer = expansion_layer<T, decltype(expand), decltype(mix)>;
                return layer(std::move(expand), std::move(mix), s, e, c).recipe();
            });
        });
    });
}

}  // namespace lathe::detail
