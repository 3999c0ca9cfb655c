// SPDX-License-Identifier: Apache-2.0
// Convolutions of one chunk of images, called by many threads at once, and their weights.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include "engine/chunk_products.hpp"
#include "engine/kernels/depthwise.hpp"
#include "engine/kernels/depthwise_rows.hpp"

namespace lathe::detail {

/// Weights are arranged once for each direction; `plain` is scratch for that. Each thread makes its
/// own calls, with its own scratch and, cleared before, its own sums of the weight gradient. All of
/// them together add these to the master's.
template <class C>
concept ChunkConvolution =
    requires(const C& c, const void* image, void* result, float* memory, std::int64_t n) {
        { c.arranged_floats() } -> std::same_as<std::int64_t>;
        { c.plain_floats() } -> std::same_as<std::int64_t>;
        { c.sum_floats() } -> std::same_as<std::int64_t>;
        { c.scratch_floats() } -> std::same_as<std::int64_t>;
        c.arrange_forward(memory, memory);              // arranged, plain
        c.arrange_backward(memory, memory);             // what arrange_forward left, plain
        c.forward_call(memory, memory)(image, result);  // arranged, scratch; x, y
        c.data_call(memory, memory)(image, result);     // arranged, scratch; dy, dx
        c.weight_call(memory, memory)(image, image);    // sums, scratch; dy, x
        c.add_to_master(memory, n, n, memory);          // sums of n threads, n floats apart; plain
    };

/// Adds all further parts of sums, which lie `step` floats apart, to the first.
void add_parts(float* sums, std::int64_t count, std::int64_t step, std::int64_t parts);

/// 1x1 with stride 1.
template <ChunkProducts Products>
class pointwise_chunks {
public:
    pointwise_chunks(const parameter_view& weight, Products products)
        : weight_(weight), products_(std::move(products)) {}

    [[nodiscard]] std::int64_t arranged_floats() const { return products_.arranged_floats(); }
    [[nodiscard]] std::int64_t plain_floats() const { return 2 * rounded(weight_.size()); }
    [[nodiscard]] std::int64_t sum_floats() const { return weight_.size(); }
    [[nodiscard]] std::int64_t scratch_floats() const { return products_.scratch_floats(); }

    void arrange_forward(float* arranged, float* plain) const {
        products_.arrange_forward(weight_.values(plain), arranged);
    }
    void arrange_backward(float* arranged, float* plain) const {
        products_.arrange_backward(weight_.values(plain), plain + rounded(weight_.size()),
                                   arranged);
    }
    [[nodiscard]] auto forward_call(const float* arranged, float* scratch) const {
        return products_.forward_call(arranged, scratch);
    }
    [[nodiscard]] auto data_call(const float* arranged, float* scratch) const {
        return products_.data_call(arranged, scratch);
    }
    [[nodiscard]] auto weight_call(float* sums, float* scratch) const {
        return products_.weight_call(sums, scratch);
    }
    void add_to_master(float* sums, std::int64_t step, std::int64_t parts, float* /*plain*/) const {
        const std::int64_t rows = weight_.shape()[0];
        const std::int64_t columns = weight_.size() / rows;
        const kernels::index_range mine = kernels::part_of_this_thread(rows);
        add_parts(sums + mine.first * columns, (mine.last - mine.first) * columns, step, parts);
        weight_.add_gradient(sums, mine);
    }

private:
    parameter_view weight_;
    Products products_;
};

/// Depthwise, by our own kernels on images of T. Both directions read the same arranged weights.
template <class T>
class depthwise_chunks {
public:
    [[nodiscard]] static bool takes(const convolution_shape& shape);
    depthwise_chunks(const parameter_view& weight, const convolution_shape& chunk);

    [[nodiscard]] std::int64_t arranged_floats() const { return weight_.size(); }
    [[nodiscard]] std::int64_t plain_floats() const { return 2 * rounded(weight_.size()); }
    [[nodiscard]] std::int64_t sum_floats() const { return kernels::depthwise_sum_floats(shape_); }
    [[nodiscard]] std::int64_t scratch_floats() const {
        return kernels::depthwise_buffer_floats(shape_);
    }

    void arrange_forward(float* arranged, float* plain) const;
    void arrange_backward(float* /*arranged*/, float* /*plain*/) const {}
    [[nodiscard]] auto forward_call(const float* arranged, float* /*scratch*/) const {
        return [=, this](const void* x, void* y) {
            kernels::depthwise_forward(shape_, {}, static_cast<const T*>(x), arranged, nullptr,
                                       static_cast<T*>(y));
        };
    }
    [[nodiscard]] auto data_call(const float* arranged, float* /*scratch*/) const {
        return [=, this](const void* dy, void* dx) {
            kernels::depthwise_data_gradient(shape_, static_cast<const T*>(dy), arranged,
                                             static_cast<T*>(dx));
        };
    }
    [[nodiscard]] auto weight_call(float* sums, float* scratch) const {
        return [=, this](const void* dy, const void* x) {
            kernels::depthwise_add_weight_gradient(shape_, static_cast<const T*>(x),
                                                   static_cast<const T*>(dy), sums, scratch);
        };
    }
    void add_to_master(float* sums, std::int64_t step, std::int64_t parts, float* plain) const;

private:
    parameter_view weight_;
    kernels::depthwise_shape shape_;
};

}  // namespace lathe::detail
