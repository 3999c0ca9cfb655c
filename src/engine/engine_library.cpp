// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "engine/onednn.hpp"
#include "lathe/engine/compile.hpp"

namespace lathe {
namespace {

/// ONEDNN_MAX_CPU_ISA may hold it below what the CPU has, and then latencies are others.
std::string_view instructions() {
    using isa = dnnl::cpu_isa;
    static constexpr std::array<std::pair<isa, std::string_view>, 11> names{
        {{isa::sse41, "SSE4.1"},
         {isa::avx, "AVX"},
         {isa::avx2, "AVX2"},
         {isa::avx2_vnni, "AVX2 VNNI"},
         {isa::avx2_vnni_2, "AVX2 VNNI 2"},
         {isa::avx512_core, "AVX-512"},
         {isa::avx512_core_vnni, "AVX-512 VNNI"},
         {isa::avx512_core_bf16, "AVX-512 BF16"},
         {isa::avx512_core_fp16, "AVX-512 FP16"},
         {isa::avx512_core_amx, "AMX"},
         {isa::avx512_core_amx_fp16, "AMX FP16"}}};
    const isa effective = dnnl::get_effective_cpu_isa();
    for (const auto& [which, name] : names) {
        if (which == effective) return name;
    }
    return "other instructions";
}

}  // namespace

std::string engine_library() {
    const auto* v = dnnl::version();
    return fmt::format("oneDNN {}.{}.{} with {}", v->major, v->minor, v->patch, instructions());
}

}  // namespace lathe
