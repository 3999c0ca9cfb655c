// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn_convolution.hpp"

namespace lathe::detail {
namespace {

constexpr auto direct = dnnl::algorithm::convolution_direct;

dnnl::memory::dims pair(const extent2& e) { return {e[0], e[1]}; }

}  // namespace

convolution_shape shape_of(const conv2d_op& o, const node& n, const training_context& c) {
    return shape_of(o, c.input_type(n), n.type, c.batch);
}

onednn_convolution::onednn_convolution(const convolution_shape& shape, element_type images,
                                       gradient which, const training_context& c)
    : stream_(&c.stream), shape_(shape), images_(onednn_type(images)), threads_(c.threads) {
    const thread_scope threads(threads_);
    using kind = primitive_kind;
    const auto plain = plain_weights({shape.out_channels, shape.in_channels / shape.groups,
                                      shape.kernel[0], shape.kernel[1]},
                                     shape.groups);
    forward_.kernel = c.primitives.get(key(kind::convolution), [&] { return make_forward(); });
    forward_.reorder =
        make_reorder(kind::convolution, plain, forward_.kernel->weights, c.primitives);
    if (which == gradient::none) return;
    data_.kernel =
        c.primitives.get(key(kind::convolution_data_gradient), [&] { return make_data(); });
    data_.reorder = make_reorder(kind::convolution_data_gradient, plain, data_.kernel->weights,
                                 c.primitives);
    if (which == gradient::data) return;
    weights_.kernel =
        c.primitives.get(key(kind::convolution_weight_gradient), [&] { return make_weights(); });
    weights_.reorder = make_reorder(kind::convolution_weight_gradient, weights_.kernel->weights,
                                    plain, c.primitives);
}

std::int64_t onednn_convolution::direction::arranged() const {
    return kernel ? rounded_floats(kernel->weights) : 0;
}

std::int64_t onednn_convolution::direction::pad() const {
    return kernel ? rounded_floats(kernel->scratchpad) : 0;
}

void onednn_convolution::arrange_forward(const float* plain, float* arranged) const {
    reorder(*forward_.reorder, plain, arranged);
}

image_call onednn_convolution::forward_call(const float* arranged, float* scratch) const {
    const made_primitive& p = *forward_.kernel;
    return call(p,
                {{DNNL_ARG_SRC, &p.src, nullptr},
                 {DNNL_ARG_DST, &p.dst, nullptr},
                 {DNNL_ARG_WEIGHTS, &p.weights, arranged}},
                scratch);
}

void onednn_convolution::arrange_data(const float* plain, float* arranged) const {
    reorder(*data_.reorder, plain, arranged);
}

image_call onednn_convolution::data_call(const float* arranged, float* scratch) const {
    const made_primitive& p = *data_.kernel;
    return call(p,
                {{DNNL_ARG_DIFF_DST, &p.dst, nullptr},
                 {DNNL_ARG_DIFF_SRC, &p.src, nullptr},
                 {DNNL_ARG_WEIGHTS, &p.weights, arranged}},
                scratch);
}

void onednn_convolution::weight_gradient(const void* dy, const void* x, float* plain_gradient,
                                         float* scratch) const {
    const made_primitive& p = *weights_.kernel;
    call(p,
         {{DNNL_ARG_DIFF_DST, &p.dst, nullptr},
          {DNNL_ARG_SRC, &p.src, nullptr},
          {DNNL_ARG_DIFF_WEIGHTS, &p.weights, scratch}},
         scratch + weights_.arranged())(dy, x);
    reorder(*weights_.reorder, scratch, plain_gradient);
}

dnnl::memory::desc onednn_convolution::image(std::int64_t channels, std::int64_t h,
                                             std::int64_t w) const {
    return {{shape_.batch, channels, h, w}, images_, dnnl_tag::nhwc};
}

dnnl::memory::desc onednn_convolution::weights(dnnl_type type) const {
    return any_weights({shape_.out_channels, shape_.in_channels / shape_.groups, shape_.kernel[0],
                        shape_.kernel[1]},
                       shape_.groups, type);
}

primitive_key onednn_convolution::key(primitive_kind kind, std::int64_t variant) const {
    const auto& s = shape_;
    return {kind,
            {s.batch, s.in_channels, s.in_h, s.in_w, s.out_channels, s.kernel[0], s.kernel[1],
             s.stride[0], s.stride[1], s.padding[0], s.padding[1], s.groups,
             static_cast<std::int64_t>(images_), threads_, variant}};
}

dnnl::convolution_forward::primitive_desc onednn_convolution::forward_desc() const {
    const auto& s = shape_;
    return {cpu_engine(),
            dnnl::prop_kind::forward_training,
            direct,
            image(s.in_channels, s.in_h, s.in_w),
            weights(images_),
            image(s.out_channels, s.out_h, s.out_w),
            pair(s.stride),
            pair(s.padding),
            pair(s.padding),
            user_scratchpad()};
}

made_primitive onednn_convolution::make_forward() const {
    const auto pd = forward_desc();
    return {dnnl::convolution_forward(pd), pd.src_desc(),        pd.weights_desc(),
            pd.dst_desc(),                 {},                   pd.scratchpad_desc(),
            pd.impl_info_str()};
}

made_primitive onednn_convolution::make_data() const {
    const auto& s = shape_;
    const dnnl::convolution_backward_data::primitive_desc pd(
        cpu_engine(), direct, image(s.in_channels, s.in_h, s.in_w), weights(images_),
        image(s.out_channels, s.out_h, s.out_w), pair(s.stride), pair(s.padding), pair(s.padding),
        forward_desc(), user_scratchpad());
    return {dnnl::convolution_backward_data(pd), pd.diff_src_desc(), pd.weights_desc(),
            pd.diff_dst_desc(),                  {},                 pd.scratchpad_desc(),
            pd.impl_info_str()};
}

made_primitive onednn_convolution::make_weights() const {
    const auto& s = shape_;
    const dnnl::convolution_backward_weights::primitive_desc pd(
        cpu_engine(), direct, image(s.in_channels, s.in_h, s.in_w), weights(dnnl_type::f32),
        image(s.out_channels, s.out_h, s.out_w), pair(s.stride), pair(s.padding), pair(s.padding),
        forward_desc(), user_scratchpad());
    return {dnnl::convolution_backward_weights(pd), pd.src_desc(), pd.diff_weights_desc(),
            pd.diff_dst_desc(),                     {},            pd.scratchpad_desc(),
            pd.impl_info_str()};
}

primitive_cache::handle onednn_convolution::make_reorder(primitive_kind of,
                                                         const dnnl::memory::desc& from,
                                                         const dnnl::memory::desc& to,
                                                         primitive_cache& primitives) const {
    return primitives.get(key(primitive_kind::reorder, static_cast<std::int64_t>(of)), [&] {
        const dnnl::reorder::primitive_desc pd(cpu_engine(), from, cpu_engine(), to);
        return made_primitive{dnnl::reorder(pd), from, {}, to, {}, {}, pd.impl_info_str()};
    });
}

void onednn_convolution::reorder(const made_primitive& r, const float* from, float* to) const {
    primitive_call call(r.primitive);
    call.bind(DNNL_ARG_FROM, r.src, const_cast<float*>(from));
    call.bind(DNNL_ARG_TO, r.dst, to);
    call.run(*stream_);
}

image_call onednn_convolution::call(const made_primitive& p,
                                    std::initializer_list<argument> arguments,
                                    float* scratch) const {
    primitive_call made(p.primitive);
    for (const auto& a : arguments) made.bind(a.id, *a.desc, const_cast<void*>(a.data));
    if (p.scratchpad.get_size() > 0) made.bind(DNNL_ARG_SCRATCHPAD, p.scratchpad, scratch);
    return {std::move(made), *stream_};
}

}  // namespace lathe::detail
