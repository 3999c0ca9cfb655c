// SPDX-License-Identifier: Apache-2.0
#include "engine/train_matmul.hpp"

#include <algorithm>

namespace lathe::detail {

shared_matmul::shared_matmul(parameter_view weight, std::int64_t rows, const training_context& c)
    : weight_(std::move(weight)), stream_(&c.stream) {
    const std::int64_t out = weight_.shape()[0];
    const std::int64_t in = weight_.size() / out;
    const std::int64_t ld = weight_.row_stride();
    const operand x{rows, in, in, 1};
    const operand y{rows, out, out, 1};
    const operand w{out, in, ld, 1};
    const operand w_transposed{in, out, 1, ld};
    const operand y_transposed{out, rows, 1, out};
    forward_ = make(c, x, w_transposed, y, false);
    data_ = make(c, y, w, x, false);
    data_add_ = make(c, y, w, x, true);
    weights_ = make(c, y_transposed, x, w, true);
}

primitive_cache::handle shared_matmul::make(const training_context& c, const operand& a,
                                            const operand& b, const operand& y, bool accumulate) {
    const primitive_key key(primitive_kind::matmul,
                            {a.rows, a.columns, a.row_stride, a.column_stride, b.columns,
                             b.row_stride, b.column_stride, y.row_stride, accumulate});
    return c.primitives.get(key, [&] {
        const auto desc = [](const operand& o) {
            return dnnl::memory::desc({o.rows, o.columns}, dnnl_type::f32,
                                      dnnl::memory::dims{o.row_stride, o.column_stride});
        };
        auto attributes = user_scratchpad();
        if (accumulate) {
            dnnl::post_ops ops;
            ops.append_sum(1.0F);
            attributes.set_post_ops(ops);
        }
        const dnnl::matmul::primitive_desc pd(cpu_engine(), desc(a), desc(b), desc(y), attributes);
        return made_primitive{dnnl::matmul(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc(),
                              {},               pd.scratchpad_desc(),
                              pd.impl_info_str()};
    });
}

std::int64_t shared_matmul::scratch_floats() const {
    std::size_t bytes = 0;
    for (const auto& p : {forward_, data_, data_add_, weights_}) {
        bytes = std::max(bytes, p->scratchpad.get_size());
    }
    return static_cast<std::int64_t>((bytes + sizeof(float) - 1) / sizeof(float));
}

void shared_matmul::run(const made_primitive& p, const float* a, const float* b, float* y,
                        float* scratch) const {
    primitive_call call(p.primitive);
    call.bind(DNNL_ARG_SRC, p.src, const_cast<float*>(a));
    call.bind(DNNL_ARG_WEIGHTS, p.weights, const_cast<float*>(b));
    call.bind(DNNL_ARG_DST, p.dst, y);
    if (p.scratchpad.get_size() > 0) call.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    call.run(*stream_);
}

void shared_matmul::forward(const float* x, float* y, float* scratch) const {
    run(*forward_, x, weight_.matrix(), y, scratch);
}

void shared_matmul::input_gradient(const float* dy, gradient_target dx, float* scratch) const {
    run(dx.accumulate ? *data_add_ : *data_, dy, weight_.matrix(), dx.data, scratch);
}

void shared_matmul::weight_gradient(const float* dy, const float* x, float* scratch) const {
    run(*weights_, dy, x, weight_.matrix_gradient(), scratch);
}

}  // namespace lathe::detail
