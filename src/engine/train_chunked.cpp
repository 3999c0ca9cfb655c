// SPDX-License-Identifier: Apache-2.0
#include "engine/train_chunked.hpp"

#include <algorithm>

#include "engine/chunk_convolution.hpp"
#include "engine/chunk_work.hpp"
#include "engine/kernels/elementwise.hpp"

namespace lathe::detail {
namespace {

template <class T, ChunkConvolution Convolution>
class chunked_layer {
public:
    chunked_layer(Convolution convolution, std::optional<norm_in_chunks> norm, std::int64_t chunks,
                  chunk_tensor in, chunk_tensor out, int threads)
        : convolution_(std::move(convolution)),
          norm_(std::move(norm)),
          chunks_(chunks),
          in_(in),
          out_(out),
          passes_(kernels::batch_norm_passes_for<T>()) {
        piece_counter thread;
        weight_sums_ = thread.take(convolution_.sum_floats());
        input_ = thread.take(floats_for<T>(in_.values()));
        input_gradient_ = thread.take(floats_for<T>(in_.values()));
        output_gradient_ = thread.take(floats_for<T>(out_.values()));
        scratch_ = thread.take(convolution_.scratch_floats());
        of_thread_ = thread.total();
        piece_counter shared;
        plain_ = shared.take(convolution_.plain_floats());
        sums_ = shared.take(norm_ ? chunks_ * 2 * in_.channels : 0);
        diff_scale_ = shared.take(norm_ ? in_.channels : 0);
        diff_shift_ = shared.take(norm_ ? in_.channels : 0);
        threads_ = shared.take(threads * of_thread_);
        all_scratch_ = shared.total();
    }

    [[nodiscard]] training_recipe recipe() const {
        training_recipe r = recipe_in_chunks(
            chunks_, out_, arranged_at() + rounded(convolution_.arranged_floats()), all_scratch_);
        r.gradient_optional = !norm_;
        r.accumulates = !norm_;
        r.takes_moments = norm_.has_value();
        r.leaves_gradient_unfinished = norm_.has_value();
        r.forward = [layer = *this](const forward_memory& m) { layer.forward(m); };
        r.backward = [layer = *this](const backward_memory& m) { layer.backward(m); };
        return r;
    }

private:
    [[nodiscard]] std::int64_t arranged_at() const {
        return norm_ ? norm_state::floats(in_.channels) : 0;
    }
    [[nodiscard]] float* thread_memory(float* scratch) const {
        return scratch + threads_ + omp_get_thread_num() * of_thread_;
    }
    [[nodiscard]] T* values(float* memory, std::int64_t at) const {
        return reinterpret_cast<T*>(memory + at);
    }
    void forward(const forward_memory& m) const {
        float* const arranged = m.saved + arranged_at();
        by_one_thread([&] { convolution_.arrange_forward(arranged, m.scratch + plain_); });
        norm_state state{};
        if (norm_) {
            state = norm_state::in(m.saved, in_.channels);
            norm_->scale.read(state.scale);
            norm_->shift.read(state.shift);
        }
#pragma omp parallel
        {
            const thread_scope alone(1);
            const kernels::index_range mine = kernels::part_of_this_thread(chunks_);
            float* const memory = thread_memory(m.scratch);
            auto convolve = convolution_.forward_call(arranged, memory + scratch_);
            if (norm_) take_statistics(m, state, mine);
            for_each_chunk(mine, m.from_the_end, [&](std::int64_t k) {
                const T* const x = activated(m.in<T>() + k * in_.values(), state, memory);
                T* const y = m.out<T>() + k * out_.values();
                convolve(x, y);
                if (m.output_moments == nullptr) return;
                passes_.moments(out_.channels, out_.rows, y, y,
                                cleared_sums(m.output_moments, k, out_.channels));
            });
        }
        if (norm_) std::copy_n(state.mean, in_.channels, m.statistics->mean.data());
    }

    /// Called by all threads; ends with a barrier.
    void take_statistics(const forward_memory& m, const norm_state& state,
                         const kernels::index_range& mine) const {
        const std::int64_t channels = in_.channels;
        const bool given = m.input_moments.sums != nullptr;
        if (!given) {
            for_each_chunk(mine, !m.from_the_end, [&](std::int64_t k) {
                const T* const x = m.in<T>() + k * in_.values();
                passes_.moments(channels, in_.rows, x, x,
                                cleared_sums(m.scratch + sums_, k, channels));
            });
        }
#pragma omp barrier
        const kernels::chunk_moments moments{
            given ? m.input_moments.sums : m.scratch + sums_,
            kernels::row_chunks::of(chunks_ * in_.rows, given ? m.input_moments.chunks : chunks_)};
        kernels::finish_moments(moments, channels, m.in<T>(), norm_->epsilon,
                                kernels::part_of_this_thread(channels),
                                state.statistics(m.statistics->variance.data()));
#pragma omp barrier
    }

    /// What the convolution reads.
    [[nodiscard]] const T* activated(const T* x, const norm_state& state, float* memory) const {
        if (!norm_) return x;
        T* const y = values(memory, input_);
        passes_.normalize(norm_->act, in_.channels, in_.rows, x, state.normalization(), y, false);
        return y;
    }

    void backward(const backward_memory& m) const {
        float* const arranged = m.saved + arranged_at();
        float* const plain = m.scratch + plain_;
        by_one_thread([&] { convolution_.arrange_backward(arranged, plain); });
        norm_state state{};
        if (norm_) state = norm_state::in(m.saved, in_.channels);
#pragma omp parallel
        {
            const thread_scope alone(1);
            const kernels::index_range mine = kernels::part_of_this_thread(chunks_);
            float* const memory = thread_memory(m.scratch);
            float* const sums = memory + weight_sums_;
            std::fill_n(sums, convolution_.sum_floats(), 0.0F);
            auto add_weight_gradient = convolution_.weight_call(sums, memory + scratch_);
            auto data_gradient = convolution_.data_call(arranged, memory + scratch_);
            for_each_chunk(mine, m.from_the_end, [&](std::int64_t k) {
                const T* const x = activated(m.in<T>() + k * in_.values(), state, memory);
                const T* const dy =
                    finished_gradient(passes_, m, k, out_, values(memory, output_gradient_));
                add_weight_gradient(dy, x);
                if (m.diff_in<T>() == nullptr) return;
                T* const dx = input_gradient_place(m, k, memory);
                data_gradient(dy, dx);
                leave_input_gradient(m, k, dx, state);
            });
#pragma omp barrier
            convolution_.add_to_master(m.scratch + threads_ + weight_sums_, of_thread_,
                                       omp_get_num_threads(), plain);
            if (norm_) finish_norm(m, state, mine);
        }
        if (norm_) {
            norm_->scale.add_gradient(m.scratch + diff_scale_);
            norm_->shift.add_gradient(m.scratch + diff_shift_);
        }
    }

    [[nodiscard]] T* input_gradient_place(const backward_memory& m, std::int64_t k,
                                          float* memory) const {
        return m.diff_inputs[0].accumulate ? values(memory, input_gradient_)
                                           : m.diff_in<T>() + k * in_.values();
    }

    void leave_input_gradient(const backward_memory& m, std::int64_t k, T* dx,
                              const norm_state& state) const {
        if (norm_) {
            passes_.activation_gradient(norm_->act, in_.channels, in_.rows,
                                        m.in<T>() + k * in_.values(), dx, state.normalization(),
                                        cleared_sums(m.scratch + sums_, k, in_.channels));
        } else if (m.diff_inputs[0].accumulate) {
            kernels::add_inplace(in_.values(), dx, m.diff_in<T>() + k * in_.values());
        }
    }

    /// Called by all threads, when all have left their input gradients.
    void finish_norm(const backward_memory& m, const norm_state& state,
                     const kernels::index_range& mine) const {
        const std::int64_t channels = in_.channels;
        kernels::finish_gradient_sums(
            chunks_, chunks_ * in_.rows, channels, kernels::part_of_this_thread(channels),
            state.gradients(m.scratch + sums_, m.scratch + diff_scale_, m.scratch + diff_shift_));
        if (m.leave_unfinished) return;
#pragma omp barrier
        for_each_chunk(mine, !m.from_the_end, [&](std::int64_t k) {
            T* const dx = m.diff_in<T>() + k * in_.values();
            passes_.gradient({}, channels, in_.rows, m.in<T>() + k * in_.values(), dx,
                             state.normalization(), state.terms(), dx, false);
        });
    }

    Convolution convolution_;
    std::optional<norm_in_chunks> norm_;
    std::int64_t chunks_;
    chunk_tensor in_, out_;
    kernels::batch_norm_passes<T> passes_;
    // Places in scratch: of one thread, then of all.
    std::int64_t weight_sums_, input_, input_gradient_, output_gradient_, scratch_, of_thread_;
    std::int64_t plain_, sums_, diff_scale_, diff_shift_, threads_, all_scratch_;
};

}  // namespace

bool is_chunked(const parameter_view& weight, const convolution_shape& s) {
    if (s.is_depthwise()) return depthwise_chunks<float>::takes(s);
    return s.is_pointwise() && s.stride == extent2{1, 1} && weight.is_strided_matrix();
}

training_recipe train_chunked(const parameter_view& weight, const convolution_shape& shape,
                              std::optional<norm_in_chunks> norm, const training_context& c) {
    convolution_shape s = shape;
    s.batch = chunk_images(std::max(s.in_rows() * s.in_channels, s.out_rows() * s.out_channels), c);
    const std::int64_t chunks = shape.batch / s.batch;
    const training_context alone = alone_on(s.batch, c);
    const chunk_tensor in{s.in_rows(), s.in_channels};
    const chunk_tensor out{s.out_rows(), s.out_channels};
    return with_stored(c.images, [&]<class T>(T) {
        const auto layer = [&](auto convolution) {
            using layer_type = chunked_layer<T, decltype(convolution)>;
            return layer_type(std::move(convolution), norm, chunks, in, out, c.threads).recipe();
        };
        if (s.is_depthwise()) return layer(depthwise_chunks<T>(weight, s));
        return with_products<T>(s, onednn_convolution::gradient::data, alone, [&](auto products) {
            return layer(pointwise_chunks(weight, std::move(products)));
        });
    });
}

}  // namespace lathe::detail
