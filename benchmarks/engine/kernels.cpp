// SPDX-License-Identifier: Apache-2.0
// The engine's own kernels against oneDNN's primitives, on shapes of mobile networks.
// Arguments are named in the output; the thread count is OMP_NUM_THREADS.
#include <optional>
#include <utility>
#include <vector>

#include <omp.h>

#include "engine/kernels/batch_norm.hpp"
#include "engine/kernels/depthwise.hpp"
#include "engine/kernels/depthwise_rows.hpp"
#include "support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_benchmark;

// batch, channels, size, kernel, stride
depthwise_shape depthwise_of(const benchmark::State& state) {
    const std::int64_t size = state.range(2);
    const std::int64_t kernel = state.range(3);
    const std::int64_t stride = state.range(4);
    const std::int64_t out = (size - 1) / stride + 1;
    return {state.range(0), state.range(1), size,   size,   out,
            out,            kernel,         kernel, stride, kernel / 2};
}

double depthwise_flops(const depthwise_shape& s) {
    return 2.0 * static_cast<double>(s.batch * s.out_h * s.out_w * s.channels * s.kernel_h *
                                     s.kernel_w);
}

struct layer {
    std::int64_t channels;
    std::int64_t size;
    std::int64_t stride;
};

constexpr layer layers[] = {{64, 28, 1}, {64, 28, 2}, {48, 32, 1}, {48, 32, 2}, {96, 14, 1},
                            {96, 16, 1}, {96, 16, 2}, {192, 7, 1}, {192, 8, 1}, {192, 8, 2},
                            {384, 8, 1}};

void mobile_shapes(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"n", "c", "hw", "k", "s"});
    for (const std::int64_t kernel : {3, 5, 7}) {
        for (const layer& l : layers) bench->Args({128, l.channels, l.size, kernel, l.stride});
    }
    bench->Unit(benchmark::kMicrosecond)->UseRealTime();
}

template <class T>
void depthwise_weight_gradient_own(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const auto src = ramp_as<T>(s.batch * s.in_h * s.in_w * s.channels);
    const auto diff_dst = ramp_as<T>(s.batch * s.out_h * s.out_w * s.channels);
    floats diff_weight(s.kernel_h * s.kernel_w * s.channels);
    floats scratch(depthwise_weight_gradient_scratch(s, omp_get_max_threads()));
    for (auto _ : state) {
        depthwise_weight_gradient(s, src.data(), diff_dst.data(), diff_weight.data(),
                                  scratch.data());
    }
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_weight_gradient_own<float>)->Apply(mobile_shapes);
BENCHMARK(depthwise_weight_gradient_own<bf16>)->Apply(mobile_shapes);

struct depthwise_descs {
    dnnl::memory::desc src;
    dnnl::memory::desc weights;
    dnnl::memory::desc dst;
    dnnl::memory::dims strides;
    dnnl::memory::dims padding;
};

template <class T>
depthwise_descs describe(const depthwise_shape& s) {
    return {{{s.batch, s.channels, s.in_h, s.in_w}, type_of<T>, tag::nhwc},
            {{s.channels, 1, 1, s.kernel_h, s.kernel_w}, type_of<T>, tag::any},
            {{s.batch, s.channels, s.out_h, s.out_w}, type_of<T>, tag::nhwc},
            {s.stride, s.stride},
            {s.pad, s.pad}};
}

dnnl::convolution_forward::primitive_desc forward_desc(const depthwise_descs& d,
                                                       dnnl::prop_kind kind) {
    return {cpu(), kind, dnnl::algorithm::convolution_direct, d.src, d.weights, d.dst,
            d.strides, d.padding, d.padding};
}

template <class T>
void depthwise_weight_gradient_onednn(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const depthwise_descs d = describe<T>(s);
    const dnnl::convolution_backward_weights::primitive_desc desc(
        cpu(), dnnl::algorithm::convolution_direct, d.src, d.weights, d.dst, d.strides, d.padding,
        d.padding, forward_desc(d, dnnl::prop_kind::forward_training));
    run_primitive(state, dnnl::convolution_backward_weights(desc),
                  {{DNNL_ARG_SRC, filled(d.src)},
                   {DNNL_ARG_DIFF_DST, filled(d.dst)},
                   {DNNL_ARG_DIFF_WEIGHTS, filled(desc.diff_weights_desc())}},
                  desc.impl_info_str());
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_weight_gradient_onednn<float>)->Apply(mobile_shapes);
BENCHMARK(depthwise_weight_gradient_onednn<bf16>)->Apply(mobile_shapes);

void batch_and_single(benchmark::internal::Benchmark* bench) {
    mobile_shapes(bench);
    for (const std::int64_t kernel : {3, 5, 7}) {
        for (const layer& l : layers) bench->Args({1, l.channels, l.size, kernel, l.stride});
    }
}

template <class T>
void depthwise_forward_own(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const auto src = ramp_as<T>(s.batch * s.in_h * s.in_w * s.channels);
    const floats weight = ramp(s.kernel_h * s.kernel_w * s.channels);
    tensor<T> dst(s.batch * s.out_h * s.out_w * s.channels);
    for (auto _ : state) {
        depthwise_forward(s, std::nullopt, src.data(), weight.data(), nullptr, dst.data());
    }
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_forward_own<float>)->Apply(batch_and_single);
BENCHMARK(depthwise_forward_own<bf16>)->Apply(batch_and_single);

template <class T>
void depthwise_forward_onednn(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const depthwise_descs d = describe<T>(s);
    const auto desc = forward_desc(d, s.batch == 1 ? dnnl::prop_kind::forward_inference
                                                   : dnnl::prop_kind::forward_training);
    run_primitive(state, dnnl::convolution_forward(desc),
                  {{DNNL_ARG_SRC, filled(d.src)},
                   {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                   {DNNL_ARG_DST, filled(d.dst)}},
                  desc.impl_info_str());
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_forward_onednn<float>)->Apply(batch_and_single);
BENCHMARK(depthwise_forward_onednn<bf16>)->Apply(batch_and_single);

template <class T>
void depthwise_data_gradient_own(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const auto diff_dst = ramp_as<T>(s.batch * s.out_h * s.out_w * s.channels);
    const floats weight = ramp(s.kernel_h * s.kernel_w * s.channels);
    tensor<T> diff_src(s.batch * s.in_h * s.in_w * s.channels);
    for (auto _ : state) {
        depthwise_data_gradient(s, diff_dst.data(), weight.data(), diff_src.data());
    }
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_data_gradient_own<float>)->Apply(mobile_shapes);
BENCHMARK(depthwise_data_gradient_own<bf16>)->Apply(mobile_shapes);

template <class T>
void depthwise_data_gradient_onednn(benchmark::State& state) {
    const depthwise_shape s = depthwise_of(state);
    const depthwise_descs d = describe<T>(s);
    const dnnl::convolution_backward_data::primitive_desc desc(
        cpu(), dnnl::algorithm::convolution_direct, d.src, d.weights, d.dst, d.strides, d.padding,
        d.padding, forward_desc(d, dnnl::prop_kind::forward_training));
    run_primitive(state, dnnl::convolution_backward_data(desc),
                  {{DNNL_ARG_DIFF_SRC, filled(d.src)},
                   {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                   {DNNL_ARG_DIFF_DST, filled(d.dst)}},
                  desc.impl_info_str());
    count_flops(state, depthwise_flops(s));
}
BENCHMARK(depthwise_data_gradient_onednn<float>)->Apply(mobile_shapes);
BENCHMARK(depthwise_data_gradient_onednn<bf16>)->Apply(mobile_shapes);

// channels, size, activation (-1: none); batch 128
void norm_shapes(benchmark::internal::Benchmark* bench, bool every_activation) {
    bench->ArgNames({"c", "hw", "act"})->Unit(benchmark::kMicrosecond)->UseRealTime();
    for (const auto& [channels, size] : {std::pair{16, 32},
                                         {64, 28},
                                         {96, 16},
                                         {96, 32},
                                         {192, 8},
                                         {192, 16},
                                         {384, 8}}) {
        for (int act = -1; act <= (every_activation ? 4 : 0); ++act) {
            bench->Args({channels, size, act});
        }
    }
}

template <class T>
struct norm_problem {
    batch_norm_shape shape;
    std::optional<lathe::activation> act;
    tensor<T> src, diff_dst, dst, diff_src;
    floats scale, shift, mean, variance, inv_std, diff_scale, diff_shift;
    floats scratch;

    explicit norm_problem(const benchmark::State& state)
        : shape{128 * state.range(1) * state.range(1), state.range(0)},
          act(state.range(2) < 0 ? std::nullopt
                                 : std::optional(static_cast<lathe::activation>(state.range(2)))),
          src(ramp_as<T>(shape.rows * shape.channels)),
          diff_dst(src),
          dst(src.size()),
          diff_src(src.size()),
          scale(shape.channels, 1.0F),
          shift(shape.channels),
          mean(shape.channels),
          variance(shape.channels),
          inv_std(shape.channels, 1.0F),
          diff_scale(shape.channels),
          diff_shift(shape.channels),
          scratch(batch_norm_scratch(shape)) {}
};

template <class T>
void count_bytes(benchmark::State& state, std::int64_t values_moved) {
    state.SetBytesProcessed(state.iterations() * values_moved *
                            static_cast<std::int64_t>(sizeof(T)));
}

template <class T>
void norm_forward_own(benchmark::State& state) {
    norm_problem<T> p(state);
    for (auto _ : state) {
        batch_norm_forward<T>(
            p.shape, p.act, 1e-5F,
            {p.src.data(), p.scale.data(), p.shift.data(), p.dst.data(), p.mean.data(),
             p.variance.data(), p.inv_std.data(), p.scratch.data()});
    }
    count_bytes<T>(state, 3 * p.shape.rows * p.shape.channels);
}
BENCHMARK(norm_forward_own<float>)->Apply([](auto* bench) { norm_shapes(bench, true); });
BENCHMARK(norm_forward_own<bf16>)->Apply([](auto* bench) { norm_shapes(bench, true); });

template <class T>
void norm_backward_own(benchmark::State& state) {
    norm_problem<T> p(state);
    for (auto _ : state) {
        batch_norm_backward<T>(
            p.shape, p.act,
            {p.src.data(), p.diff_dst.data(), p.scale.data(), p.shift.data(), p.mean.data(),
             p.inv_std.data(), p.diff_src.data(), p.diff_scale.data(), p.diff_shift.data(),
             p.scratch.data()});
    }
    count_bytes<T>(state, 5 * p.shape.rows * p.shape.channels);
}
BENCHMARK(norm_backward_own<float>)->Apply([](auto* bench) { norm_shapes(bench, true); });
BENCHMARK(norm_backward_own<bf16>)->Apply([](auto* bench) { norm_shapes(bench, true); });

struct norm_primitives {
    dnnl::memory::desc image;
    dnnl::memory::desc channel;
    dnnl::batch_normalization_forward::primitive_desc forward;
    dnnl::batch_normalization_backward::primitive_desc backward;
    arguments args;

    explicit norm_primitives(const benchmark::State& state)
        : image({128, state.range(0), state.range(1), state.range(1)}, data_type::f32, tag::nhwc),
          channel({state.range(0)}, data_type::f32, tag::x) {
        auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
        if (state.range(2) == 0) flags |= dnnl::normalization_flags::fuse_norm_relu;
        forward = {cpu(), dnnl::prop_kind::forward_training, image, image, 1e-5F, flags};
        backward = {cpu(), dnnl::prop_kind::backward, image, image, image, 1e-5F, flags, forward};
        args = {{DNNL_ARG_SRC, filled(image)},       {DNNL_ARG_DST, filled(image)},
                {DNNL_ARG_MEAN, filled(channel)},    {DNNL_ARG_VARIANCE, filled(channel)},
                {DNNL_ARG_SCALE, filled(channel)},   {DNNL_ARG_SHIFT, filled(channel)}};
        if (state.range(2) == 0) {
            args.emplace(DNNL_ARG_WORKSPACE, dnnl::memory(forward.workspace_desc(), cpu()));
        }
        dnnl::stream stream(cpu());
        dnnl::batch_normalization_forward(forward).execute(stream, args);
        stream.wait();
    }
};

void norm_forward_onednn(benchmark::State& state) {
    const norm_primitives p(state);
    run_primitive(state, dnnl::batch_normalization_forward(p.forward), p.args,
                  p.forward.impl_info_str());
    count_bytes<float>(state, 3 * 128 * state.range(0) * state.range(1) * state.range(1));
}
BENCHMARK(norm_forward_onednn)->Apply([](auto* bench) { norm_shapes(bench, false); });

void norm_backward_onednn(benchmark::State& state) {
    norm_primitives p(state);
    for (const int unused : {DNNL_ARG_DST, DNNL_ARG_SHIFT}) p.args.erase(unused);
    for (const auto& [name, desc] :
         {std::pair{DNNL_ARG_DIFF_DST, p.image}, {DNNL_ARG_DIFF_SRC, p.image},
          {DNNL_ARG_DIFF_SCALE, p.channel}, {DNNL_ARG_DIFF_SHIFT, p.channel}}) {
        p.args.emplace(name, filled(desc));
    }
    run_primitive(state, dnnl::batch_normalization_backward(p.backward), p.args,
                  p.backward.impl_info_str());
    count_bytes<float>(state, 5 * 128 * state.range(0) * state.range(1) * state.range(1));
}
BENCHMARK(norm_backward_onednn)->Apply([](auto* bench) { norm_shapes(bench, false); });

}  // namespace
