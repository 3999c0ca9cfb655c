// SPDX-License-Identifier: Apache-2.0
// What the benchmarks of the kernels share: tensors, values, oneDNN primitives to compare with.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "engine/kernels/bf16.hpp"

namespace kernel_benchmark {

using lathe::kernels::bf16;
using lathe::kernels::stored_as;

// The engine's tensors start on cache lines; so do these.
template <class T>
struct line_allocator {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    line_allocator() = default;
    template <class Other>
    line_allocator(const line_allocator<Other>&) noexcept {}
    T* allocate(std::size_t count) {
        return static_cast<T*>(::operator new(count * sizeof(T), line));
    }
    void deallocate(T* pointer, std::size_t) noexcept { ::operator delete(pointer, line); }
    bool operator==(const line_allocator&) const noexcept { return true; }
};

template <class T>
using tensor = std::vector<T, line_allocator<T>>;
using floats = tensor<float>;
using data_type = dnnl::memory::data_type;
using tag = dnnl::memory::format_tag;
using arguments = std::unordered_map<int, dnnl::memory>;

inline const dnnl::engine& cpu() {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

inline floats ramp(std::int64_t count) {
    floats values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(i * 2654435761U % 1024) / 512.0F - 1.0F;
    }
    return values;
}

template <class T>
tensor<T> ramp_as(std::int64_t count) {
    tensor<T> values;
    for (const float value : ramp(count)) values.push_back(stored_as<T>(value));
    return values;
}

template <class T>
constexpr data_type type_of = std::is_same_v<T, bf16> ? data_type::bf16 : data_type::f32;

template <class T>
void fill(dnnl::memory& memory) {
    const auto bytes = memory.get_desc().get_size();
    const tensor<T> values = ramp_as<T>(static_cast<std::int64_t>(bytes / sizeof(T)));
    std::memcpy(memory.get_data_handle(), values.data(), values.size() * sizeof(T));
}

inline dnnl::memory filled(const dnnl::memory::desc& desc) {
    dnnl::memory memory(desc, cpu());
    if (desc.get_data_type() == data_type::bf16) {
        fill<bf16>(memory);
    } else {
        fill<float>(memory);
    }
    return memory;
}

inline void run_primitive(benchmark::State& state, const dnnl::primitive& primitive,
                          const arguments& args, const char* implementation) {
    dnnl::stream stream(cpu());
    primitive.execute(stream, args);
    for (auto _ : state) {
        primitive.execute(stream, args);
        stream.wait();
    }
    state.SetLabel(implementation);
}

inline void count_flops(benchmark::State& state, double flops) {
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace kernel_benchmark
