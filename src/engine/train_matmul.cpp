// SPDX-License-Identifier: Apache-2.0
#include "engine/train_matmul.hpp"

#include <algorithm>

namespace lathe::detail {
namespace {

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
    const primitive_key key(primitive_kind::matmul,
                            {a.rows, a.columns, a.row_stride, a.column_stride, b.columns,
                             b.row_stride, b.column_stride, y.row_stride, accumulate,
                             static_cast<std::int64_t>(a.type), c.threads});
    return c.primitives.get(key, [&] {
        auto attributes = user_scratchpad();
        if (accumulate) {
            dnnl::post_ops ops;
            ops.append_sum(1.0F);
            attributes.set_post_ops(ops);
        }
        const dnnl::matmul::primitive_desc pd(cpu_engine(), a.desc(), b.desc(), y.desc(),
                                              attributes);
        return made_primitive{dnnl::matmul(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc(),
                              {},               pd.scratchpad_desc(),
                              pd.impl_info_str()};
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
      product_(make(c, {out, rows, 1, out, images}, {rows, in, in, 1, images},
                    {out, in, row_stride, 1}, true)) {}

std::int64_t weight_gradient_matmul::scratch_floats() const {
    return rounded_floats(product_->scratchpad);
}

image_call weight_gradient_matmul::call(float* gradient, float* scratch) const {
    const made_primitive& p = *product_;
    primitive_call made(p.primitive);
    made.bind(DNNL_ARG_SRC, p.src, nullptr);
    made.bind(DNNL_ARG_WEIGHTS, p.weights, nullptr);
    made.bind(DNNL_ARG_DST, p.dst, gradient);
    if (p.scratchpad.get_size() > 0) made.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    return {std::move(made), *stream_};
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
