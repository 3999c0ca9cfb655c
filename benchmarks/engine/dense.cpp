// SPDX-License-Identifier: Apache-2.0
// Dense convolutions at inference, ours against oneDNN's with its weights in the layout it likes.
#include <optional>

#include <omp.h>

#include "engine/kernels/dense.hpp"
#include "support.hpp"

namespace {

using namespace lathe::kernels;
using namespace kernel_benchmark;

void dense_shapes(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"n", "in", "out", "hw", "k", "s"});
    for (const std::int64_t batch : {1, 4}) {
        bench->Args({batch, 3, 16, 32, 3, 1});
        bench->Args({batch, 16, 48, 32, 1, 1});
        bench->Args({batch, 48, 16, 32, 1, 1});
        bench->Args({batch, 32, 96, 16, 1, 1});
        bench->Args({batch, 96, 32, 16, 1, 1});
        bench->Args({batch, 64, 192, 8, 1, 1});
        bench->Args({batch, 192, 64, 8, 1, 1});
        bench->Args({batch, 112, 448, 4, 1, 1});
        bench->Args({batch, 448, 112, 4, 1, 1});
        bench->Args({batch, 112, 256, 4, 1, 1});
        bench->Args({batch, 256, 10, 1, 1, 1});
        bench->Args({batch, 16, 16, 32, 3, 1});
        bench->Args({batch, 32, 64, 16, 3, 2});
        bench->Args({batch, 64, 64, 8, 3, 1});
        bench->Args({batch, 256, 256, 14, 3, 1});
    }
    bench->Unit(benchmark::kMicrosecond)->UseRealTime();
}

// batch, in and out channels, size, kernel, stride
dense_shape dense_of(const benchmark::State& state) {
    const std::int64_t size = state.range(3);
    const std::int64_t kernel = state.range(4);
    const std::int64_t stride = state.range(5);
    const std::int64_t out = (size - 1) / stride + 1;
    return {state.range(0), state.range(1), size,   size,   state.range(2), out,       out,
            kernel,         kernel,         stride, stride, kernel / 2,     kernel / 2};
}

double flops(const dense_shape& s) {
    return 2.0 * static_cast<double>(s.batch * s.out_h * s.out_w * s.out_channels * s.in_channels *
                                     s.kernel_h * s.kernel_w);
}

void dense_own(benchmark::State& state) {
    const dense_shape s = dense_of(state);
    const floats src = ramp(s.batch * s.in_h * s.in_w * s.in_channels);
    const floats packed = ramp(dense_weight_floats(s));
    floats scratch(static_cast<std::size_t>(dense_scratch_floats(s, omp_get_max_threads())));
    floats dst(static_cast<std::size_t>(s.batch * s.out_h * s.out_w * s.out_channels));
    for (auto _ : state) {
        dense_forward(s, lathe::activation::relu, src.data(), packed.data(), nullptr,
                      scratch.data(), dst.data());
    }
    count_flops(state, flops(s));
}
BENCHMARK(dense_own)->Apply(dense_shapes);

void dense_onednn(benchmark::State& state) {
    const dense_shape s = dense_of(state);
    const auto image = [&](std::int64_t channels, std::int64_t h, std::int64_t w) {
        return dnnl::memory::desc({s.batch, channels, h, w}, data_type::f32, tag::nhwc);
    };
    dnnl::post_ops relu;
    relu.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(relu);
    const dnnl::convolution_forward::primitive_desc desc(
        cpu(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        image(s.in_channels, s.in_h, s.in_w),
        {{s.out_channels, s.in_channels, s.kernel_h, s.kernel_w}, data_type::f32, tag::any},
        {{s.out_channels}, data_type::f32, tag::a}, image(s.out_channels, s.out_h, s.out_w),
        {s.stride_h, s.stride_w}, {s.padding_h, s.padding_w}, {s.padding_h, s.padding_w},
        attributes);
    run_primitive(state, dnnl::convolution_forward(desc),
                  {{DNNL_ARG_SRC, filled(desc.src_desc())},
                   {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                   {DNNL_ARG_BIAS, filled(desc.bias_desc())},
                   {DNNL_ARG_DST, filled(desc.dst_desc())}},
                  desc.impl_info_str());
    count_flops(state, flops(s));
}
BENCHMARK(dense_onednn)->Apply(dense_shapes);

}  // namespace
