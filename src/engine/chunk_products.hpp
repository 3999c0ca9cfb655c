// SPDX-License-Identifier: Apache-2.0
// Products of the pixels of one chunk of images and a matrix, y = x w^T, called by many threads at
// once: 1x1 convolutions with stride 1.
#pragma once

#include <concepts>
#include <cstdint>

#include "engine/kernels/dense.hpp"
#include "engine/onednn_convolution.hpp"
#include "engine/train_matmul.hpp"

namespace lathe::detail {

/// Matrices are arranged once for each direction: w is plain floats, (out, in). Each thread makes
/// its own calls, with its own scratch.
template <class P>
concept ChunkProducts =
    requires(const P& p, const void* image, void* result, const float* w, float* memory) {
        { p.arranged_floats() } -> std::same_as<std::int64_t>;
        { p.scratch_floats() } -> std::same_as<std::int64_t>;
        p.arrange_forward(w, memory);                   // arranged
        p.arrange_backward(w, memory, memory);          // room for w, arranged
        p.forward_call(memory, memory)(image, result);  // arranged, scratch; x, y
        p.data_call(memory, memory)(image, result);     // arranged, scratch; dy, dy w
        p.weight_call(memory, memory)(image, image);    // sums, scratch; sums += dy^T x
    };

/// The product of a chunk's pixels and packed weights.
struct dense_product {
    kernels::dense_shape shape;
    const float* packed;

    void operator()(const void* from, void* to) const {
        kernels::dense_forward(shape, {}, static_cast<const float*>(from), packed, nullptr, nullptr,
                               static_cast<float*>(to));
    }
};

/// In float32, by our own kernels.
class dense_products {
public:
    [[nodiscard]] static bool takes(std::int64_t in, std::int64_t out);
    dense_products(std::int64_t rows, std::int64_t in, std::int64_t out);

    [[nodiscard]] std::int64_t arranged_floats() const;
    [[nodiscard]] static std::int64_t scratch_floats() { return 0; }
    void arrange_forward(const float* plain, float* arranged) const;
    void arrange_backward(const float* plain, float* transposed, float* arranged) const;

    [[nodiscard]] auto forward_call(const float* arranged, float* /*scratch*/) const {
        return dense_product{forward_, arranged};
    }
    [[nodiscard]] auto data_call(const float* arranged, float* /*scratch*/) const {
        return dense_product{backward_, arranged};
    }
    [[nodiscard]] auto weight_call(float* sums, float* /*scratch*/) const {
        return [=, s = forward_](const void* dy, const void* x) {
            kernels::dense_add_weight_gradient(s.in_w, s.out_channels, s.in_channels,
                                               static_cast<const float*>(dy),
                                               static_cast<const float*>(x), sums);
        };
    }

private:
    kernels::dense_shape forward_, backward_;
};

/// By oneDNN, on images of any stored type.
class onednn_products {
public:
    /// A 1x1 convolution of a chunk. `alone`: a context of one thread.
    onednn_products(const convolution_shape& chunk, onednn_convolution::gradient which,
                    const training_context& alone);

    [[nodiscard]] std::int64_t arranged_floats() const { return convolution_.arranged_floats(); }
    [[nodiscard]] std::int64_t scratch_floats() const;
    void arrange_forward(const float* plain, float* arranged) const {
        convolution_.arrange_forward(plain, arranged);
    }
    void arrange_backward(const float* plain, float* /*transposed*/, float* arranged) const {
        convolution_.arrange_data(plain, arranged);
    }

    [[nodiscard]] auto forward_call(const float* arranged, float* scratch) const {
        return convolution_.forward_call(arranged, scratch);
    }
    [[nodiscard]] auto data_call(const float* arranged, float* scratch) const {
        return convolution_.data_call(arranged, scratch);
    }
    [[nodiscard]] auto weight_call(float* sums, float* scratch) const {
        return weight_gradient_matmul::call(product_, sums, scratch);
    }

private:
    onednn_convolution convolution_;
    weight_gradient_matmul product_;
};

/// use(products) with those that are fastest for images of T. `chunk`: a 1x1 convolution with
/// stride 1. With gradient::none there must be no data_call.
template <class T, class Use>
auto with_products(const convolution_shape& chunk, onednn_convolution::gradient which,
                   const training_context& alone, const Use& use) {
    if constexpr (std::same_as<T, float>) {
        if (dense_products::takes(chunk.in_channels, chunk.out_channels)) {
            return use(dense_products(chunk.out_rows(), chunk.in_channels, chunk.out_channels));
        }
    }
    return use(onednn_products(chunk, which, alone));
}

}  // namespace lathe::detail
