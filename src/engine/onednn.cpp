// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn.hpp"

#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

struct eltwise_form {
    dnnl::algorithm algorithm;
    float alpha;
    float beta;
};

eltwise_form eltwise_of(activation kind) {
    switch (kind) {
        case activation::relu: return {dnnl::algorithm::eltwise_relu, 0.0F, 0.0F};
        case activation::relu6: return {dnnl::algorithm::eltwise_clip, 0.0F, 6.0F};
        case activation::hard_swish:
            return {dnnl::algorithm::eltwise_hardswish, 1.0F / 6.0F, 0.5F};
        case activation::swish: return {dnnl::algorithm::eltwise_swish, 1.0F, 0.0F};
        case activation::gelu: return {dnnl::algorithm::eltwise_gelu_erf, 0.0F, 0.0F};
    }
    throw error(errc::internal, "eltwise_of", "unknown activation");
}

}  // namespace

const dnnl::engine& cpu_engine() {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

dnnl_type onednn_type(element_type type) {
    if (type == element_type::f32) return dnnl_type::f32;
    if (type == element_type::bf16) return dnnl_type::bf16;
    throw error(errc::internal, "onednn_type", "a type without kernels");
}

std::int64_t rounded_floats(const dnnl::memory::desc& desc) {
    constexpr std::size_t line = 64;
    return static_cast<std::int64_t>((desc.get_size() + line - 1) / line * line / sizeof(float));
}

dnnl::memory::desc activation_desc(const tensor_type& type, std::int64_t batch, dnnl_type stored) {
    dnnl::memory::dims dims;
    for (const auto& d : type.dims) dims.push_back(d.is_symbol() ? batch : d.size());
    return {dims, stored, dims.size() == 4 ? dnnl_tag::nhwc : dnnl_tag::nc};
}

namespace {

dnnl::memory::dims grouped(const std::vector<std::int64_t>& oihw, std::int64_t groups) {
    if (groups == 1) return {oihw.begin(), oihw.end()};
    return {groups, oihw[0] / groups, oihw[1], oihw[2], oihw[3]};
}

}  // namespace

dnnl::memory::desc any_weights(const std::vector<std::int64_t>& oihw, std::int64_t groups,
                               dnnl_type stored) {
    return {grouped(oihw, groups), stored, dnnl_tag::any};
}

dnnl::memory::desc plain_weights(const std::vector<std::int64_t>& oihw, std::int64_t groups) {
    return {grouped(oihw, groups), dnnl_type::f32, groups == 1 ? dnnl_tag::oihw : dnnl_tag::goihw};
}

dnnl::memory::desc vector_desc(std::int64_t size) { return {{size}, dnnl_type::f32, dnnl_tag::x}; }

void append_activation(dnnl::post_ops& ops, activation kind) {
    const auto form = eltwise_of(kind);
    ops.append_eltwise(form.algorithm, form.alpha, form.beta);
}

dnnl::primitive_attr user_scratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

void primitive_call::bind(int argument, dnnl::memory memory) {
    arguments_.push_back({argument, memory.get()});
    memories_.push_back(std::move(memory));
}

void primitive_call::bind(int argument, const dnnl::memory::desc& desc, void* data) {
    bind(argument, dnnl::memory(desc, cpu_engine(), data));
}

void primitive_call::rebind(std::size_t index, const void* data) {
    memories_[index].set_data_handle(const_cast<void*>(data));
}

void primitive_call::run(const dnnl::stream& stream) const {
    const auto status = dnnl_primitive_execute(primitive_.get(), stream.get(),
                                               static_cast<int>(arguments_.size()),
                                               arguments_.data());
    if (status != dnnl_success) {
        throw error(errc::internal, "oneDNN",
                    "a kernel failed with status " + std::to_string(static_cast<int>(status)));
    }
}

void reorder_weights(const dnnl::memory::desc& plain, const float* from,
                     const dnnl::memory::desc& wanted, void* to) {
    dnnl::memory source(plain, cpu_engine(), const_cast<float*>(from));
    dnnl::memory target(wanted, cpu_engine(), to);
    dnnl::stream stream(cpu_engine());
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
}

}  // namespace lathe::detail
