// SPDX-License-Identifier: Apache-2.0
// How one layer is trained: what it needs, what it computes forward and backward.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/kernels/bf16.hpp"
#include "engine/kernels/chunks.hpp"
#include "engine/primitive_cache.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/network/network.hpp"

namespace lathe::detail {

// Values and gradients are float or bf16, as training_context::stored says; a recipe knows which.

/// Sums that the layer in front has taken of its output, kernels::chunk_moments; null: it has not.
struct given_moments {
    const float* sums = nullptr;
    std::int64_t chunks = 0;
};

struct forward_memory {
    std::vector<const void*> inputs;
    void* output = nullptr;
    float* saved = nullptr;    ///< lives until this layer's backward
    float* scratch = nullptr;  ///< lives for this call
    norm_statistics* statistics = nullptr;
    given_moments input_moments = {};
    float* output_moments = nullptr;  ///< null: nobody wants them
    bool from_the_end = false;        ///< chunks in descending order

    template <class T>
    [[nodiscard]] const T* in(std::size_t i = 0) const {
        return static_cast<const T*>(inputs[i]);
    }
    template <class T>
    [[nodiscard]] T* out() const {
        return static_cast<T*>(output);
    }
};

/// Where the gradient of an input goes; null: nobody needs it.
struct gradient_target {
    void* data = nullptr;
    bool accumulate = false;  ///< add to what another layer has left there
};

struct backward_memory {
    std::vector<const void*> inputs;
    const void* output = nullptr;
    const void* diff_output = nullptr;
    std::vector<gradient_target> diff_inputs;
    float* saved = nullptr;
    float* scratch = nullptr;
    bool from_the_end = false;      ///< chunks in descending order
    bool leave_unfinished = false;  ///< the layer in front finishes diff_inputs[0]
    float* unfinished = nullptr;    ///< norm_state with which to finish diff_output; null: it is finished

    template <class T>
    [[nodiscard]] const T* in(std::size_t i = 0) const {
        return static_cast<const T*>(inputs[i]);
    }
    template <class T>
    [[nodiscard]] const T* diff_out() const {
        return static_cast<const T*>(diff_output);
    }
    /// Null where nobody needs it.
    template <class T>
    [[nodiscard]] T* diff_in(std::size_t i = 0) const {
        return static_cast<T*>(diff_inputs[i].data);
    }
};

/// One layer, planned. The flags say which tensors must survive until backward.
struct training_recipe {
    bool keeps_inputs = false;
    bool keeps_output = false;
    bool forward_in_place = false;    ///< output may overwrite an input that nobody keeps
    bool gradient_in_place = false;   ///< diff_inputs[0] may overwrite diff_output
    bool passes_gradient = false;     ///< every diff input equals diff_output; backward is empty
    bool accumulates = false;         ///< backward honours gradient_target::accumulate itself
    bool gradient_optional = false;   ///< backward leaves out a gradient with a null target
    bool takes_moments = false;       ///< forward can use given moments of its input
    bool leaves_gradient_unfinished = false;  ///< where asked; `saved` then begins with a norm_state
    bool finishes_gradient = false;           ///< backward honours backward_memory::unfinished
    std::int64_t moment_chunks = 0;           ///< above 0: forward can take moments of its output
    std::int64_t moment_floats = 0;
    std::int64_t saved_floats = 0;
    std::int64_t forward_scratch = 0;   ///< floats
    std::int64_t backward_scratch = 0;  ///< floats
    std::function<void(const forward_memory&)> forward;
    std::function<void(const backward_memory&)> backward;
};

/// What a recipe may look at while it is made; outlives it.
struct training_context {
    const network& net;
    std::int64_t batch;
    int threads;
    const parameter_access& access;
    primitive_cache& primitives;
    const dnnl::stream& stream;
    element_type images = element_type::f32;  ///< how values with pixels are stored; f32 or bf16
    std::int64_t arena_bytes = 0;             ///< there already: a plan need not be smaller

    [[nodiscard]] const tensor_type& type(value_id v) const { return net.at(v).type; }
    [[nodiscard]] const tensor_type& input_type(const node& n) const { return type(n.inputs[0]); }
    /// Vectors stay float: they are small, and the loss is made of them.
    [[nodiscard]] element_type stored(const tensor_type& t) const {
        return t.dims.size() == 4 ? images : element_type::f32;
    }
};

/// make(T()) with the C++ type T of a stored one.
template <class Make>
auto with_stored(element_type type, const Make& make) {
    return type == element_type::bf16 ? make(kernels::bf16()) : make(0.0F);
}

/// Pieces of saved and scratch memory begin at cache lines.
[[nodiscard]] constexpr std::int64_t rounded(std::int64_t floats) {
    return (floats + 15) / 16 * 16;
}
/// Floats that hold `count` values of type T.
template <class T>
[[nodiscard]] constexpr std::int64_t floats_for(std::int64_t count) {
    constexpr auto per_float = static_cast<std::int64_t>(sizeof(float) / sizeof(T));
    return rounded((count + per_float - 1) / per_float);
}

/// Facet "training" of the ops, one overload each. Throws unsupported naming the layer.
training_recipe train(const input_op&, const node&, const training_context&);
training_recipe train(const conv2d_op&, const node&, const training_context&);
training_recipe train(const activation_op&, const node&, const training_context&);
training_recipe train(const add_op&, const node&, const training_context&);
training_recipe train(const channel_gate_op&, const node&, const training_context&);
training_recipe train(const pool_op&, const node&, const training_context&);
training_recipe train(const global_pool_op&, const node&, const training_context&);
training_recipe train(const concat_op&, const node&, const training_context&);
training_recipe train(const linear_op&, const node&, const training_context&);
training_recipe train(const softmax_op&, const node&, const training_context&);
training_recipe train(const batch_norm_op&, const node&, const training_context&);
/// Whether the convolution of a node is trained in chunks, and so can be one layer with the batch norm
/// in front.
bool is_trained_in_chunks(const conv2d_op&, const node&, const training_context&);
/// That layer. Precondition: is_trained_in_chunks.
training_recipe train_norm_convolution(const batch_norm_op&, std::optional<activation> act,
                                       const conv2d_op&, const node&, const training_context&);
/// Batch norm and the activation behind it in one kernel.
training_recipe train_norm(const batch_norm_op&, const node&, std::optional<activation> act,
                           const training_context&);

/// A parameter where it lies: its region of the base tensor, resolved once.
class parameter_view {
public:
    parameter_view(const param_ref& ref, const parameter_access& access);

    [[nodiscard]] const std::vector<std::int64_t>& shape() const noexcept { return region_.shape; }
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }
    /// The region is rows of consecutive values at a fixed distance, seen as (shape[0], rest).
    [[nodiscard]] bool is_strided_matrix() const noexcept;
    /// The region is one piece of the base tensor.
    [[nodiscard]] bool is_consecutive() const noexcept;
    /// Distance of two rows of a strided matrix.
    [[nodiscard]] std::int64_t row_stride() const noexcept { return full_row_; }
    /// First element of a strided matrix.
    [[nodiscard]] float* matrix() const noexcept { return memory_.value + offset_; }
    [[nodiscard]] float* matrix_gradient() const noexcept { return memory_.gradient + offset_; }

    void read(float* dense) const;
    /// Where they lie if that is one piece, else copied to `dense`.
    [[nodiscard]] const float* values(float* dense) const;
    void add_gradient(const float* dense) const;
    /// Some rows of a strided matrix; `dense` begins with its first row.
    void add_gradient(const float* dense, kernels::index_range rows) const;

private:
    param_region region_;
    std::vector<std::int64_t> full_shape_;
    parameter_memory memory_;
    std::int64_t size_ = 1;
    std::int64_t full_size_ = 1;
    std::int64_t full_row_ = 1;
    std::int64_t offset_ = 0;
};

}  // namespace lathe::detail
