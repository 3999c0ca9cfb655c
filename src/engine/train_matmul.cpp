// SPDX-License-Identifier: Apache-2.0
#include "engine/train_matmul.hpp"

#include <algorithm>

namespace lathe::detail {
namespace {

/// What the matrix units add up at once in bf16. Any other number of rows is slow and takes oneDNN
/// ten times as long to make.
constexpr std::int64_t tile_rows = 32;

struct operand {
    std::int64_t rows, columns, row_stride, column_stride;
    element_type type = element_type::f32;

    [[nodiscard]] dnnl::memory::desc desc() const {
        return {{rows, columns}, onednn_type(type), dnnl::memory::dims{row_stride, column_stride}};
    }
};

/// y = a b, or y += a b.
primitive_cache::handle make(const training_context& c, const operand& a, const operand& b,
                             const operand& y, bool accumulate) {
    const thread_scope threads(c.threads);
    const primitive_key key(
        primitive_kind::matmul,
        {a.rows, a.columns, a.row_stride, a.column_stride, b.columns, b.row_stride, b.column_stride,
         y.row_stride, accumulate, static_cast<std::int64_t>(a.type), c.threads});
    return c.primitives.get(key, [&] {
        auto attributes = user_scratchpad();
        if (accumulate) {
            dnnl::post_ops ops;
            ops.append_sum(1.0F);
            attributes.set_post_ops(ops);
        }
        const dnnl::matmul::primitive_desc pd(cpu_engine(), a.desc(), b.desc(), y.desc(),
                                              attributes);
        return made_primitive{
            dnnl::matmul(pd),     pd.src_desc(),     pd.weights_desc(), pd.dst_desc(), {},
            pd.scratchpad_desc(), pd.impl_info_str()};
    });
}

void run(const made_primitive& p, const dnnl::stream& stream, const void* a, const void* b,
         float* y, float* scratch) {
    primitive_call call(p.primitive);
    call.bind(DNNL_ARG_SRC, p.src, const_cast<void*>(a));
    call.bind(DNNL_ARG_WEIGHTS, p.weights, const_cast<void*>(b));
    call.bind(DNNL_ARG_DST, p.dst, y);
    if (p.scratchpad.get_size() > 0) call.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    call.run(stream);
}

}  // namespace

weight_gradient_matmul::weight_gradient_matmul(std::int64_t rows, std::int64_t out, std::int64_t in,
                                               std::int64_t row_stride, element_type images,
                                               const training_context& c)
    : stream_(&c.stream),
      whole_rows_(images == element_type::bf16 ? rows / tile_rows * tile_rows : rows),
      rest_rows_(rows - whole_rows_),
      dy_bytes_(out * size_of(images)),
      x_bytes_(in * size_of(images)) {
    const auto product = [&](std::int64_t n) {
        return make(c, {out, n, 1, out, images}, {n, in, in, 1, images}, {out, in, row_stride, 1},
                    true);
    };
    if (whole_rows_ > 0) whole_ = product(whole_rows_);
    if (rest_rows_ > 0) rest_ = product(tile_rows);
}

std::int64_t weight_gradient_matmul::pad_floats() const {
    std::int64_t floats = 0;
    for (const auto& p : {whole_, rest_}) {
        if (p) floats = std::max(floats, rounded_floats(p->scratchpad));
    }
    return floats;
}

std::int64_t weight_gradient_matmul::scratch_floats() const {
    if (rest_rows_ == 0) return pad_floats();
    return pad_floats() + rounded(tile_rows * (dy_bytes_ + x_bytes_) / size_of(element_type::f32));
}

image_call weight_gradient_matmul::product_call(const made_primitive& p, float* gradient,
                                                float* scratch) const {
    primitive_call made(p.primitive);
    made.bind(DNNL_ARG_SRC, p.src, nullptr);
    made.bind(DNNL_ARG_WEIGHTS, p.weights, nullptr);
    made.bind(DNNL_ARG_DST, p.dst, gradient);
    if (p.scratchpad.get_size() > 0) made.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    return {std::move(made), *stream_};
}

weight_gradient_matmul::call::call(const weight_gradient_matmul& matmul, float* gradient,
                                   float* scratch)
    : matmul_(&matmul) {
    if (matmul.whole_) whole_.emplace(matmul.product_call(*matmul.whole_, gradient, scratch));
    if (!matmul.rest_) return;
    rest_.emplace(matmul.product_call(*matmul.rest_, gradient, scratch));
    rest_dy_ = reinterpret_cast<std::byte*>(scratch + matmul.pad_floats());
    rest_x_ = rest_dy_ + tile_rows * matmul.dy_bytes_;
}

void weight_gradient_matmul::call::operator()(const void* dy, const void* x) {
    const weight_gradient_matmul& m = *matmul_;
    if (whole_) (*whole_)(dy, x);
    if (!rest_) return;
    // Every time: others write to the scratch between two calls.
    const auto copy_rest = [&](const void* image, std::int64_t row_bytes, std::byte* to) {
        const auto* const from = static_cast<const std::byte*>(image) + m.whole_rows_ * row_bytes;
        std::fill_n(std::copy_n(from, m.rest_rows_ * row_bytes, to),
                    (tile_rows - m.rest_rows_) * row_bytes, std::byte{0});
    };
    copy_rest(dy, m.dy_bytes_, rest_dy_);
    copy_rest(x, m.x_bytes_, rest_x_);
    (*rest_)(rest_dy_, rest_x_);
}

shared_matmul::shared_matmul(parameter_view weight, std::int64_t rows, const training_context& c)
    : weight_(weight),
      stream_(&c.stream),
      weights_(rows, weight.shape()[0], weight.size() / weight.shape()[0], weight.row_stride(),
               element_type::f32, c) {
    const std::int64_t out = weight_.shape()[0];
    const std::int64_t in = weight_.size() / out;
    const std::int64_t ld = weight_.row_stride();
    const operand x{rows, in, in, 1};
    const operand y{rows, out, out, 1};
    forward_ = make(c, x, {in, out, 1, ld}, y, false);
    data_ = make(c, y, {out, in, ld, 1}, x, false);
    data_add_ = make(c, y, {out, in, ld, 1}, x, true);
}

std::int64_t shared_matmul::scratch_floats() const {
    std::int64_t floats = weights_.scratch_floats();
    for (const auto& p : {forward_, data_, data_add_}) {
        floats = std::max(floats, rounded_floats(p->scratchpad));
    }
    return floats;
}

void shared_matmul::forward(const float* x, float* y, float* scratch) const {
    run(*forward_, *stream_, x, weight_.matrix(), y, scratch);
}

void shared_matmul::input_gradient(const float* dy, float* dx, bool accumulate,
                                   float* scratch) const {
    run(accumulate ? *data_add_ : *data_, *stream_, dy, weight_.matrix(), dx, scratch);
}

}  // namespace lathe::detail
