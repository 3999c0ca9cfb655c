// SPDX-License-Identifier: Apache-2.0
#include "engine/runnable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

bool is_runnable(const tensor_type& type) {
    const bool image_or_vector = type.dims.size() == 4 || type.dims.size() == 2;
    return type.element == element_type::f32 && !type.quantized && image_or_vector &&
           type.dims.front().is_symbol() &&
           std::none_of(type.dims.begin() + 1, type.dims.end(),
                        [](const dim& d) { return d.is_symbol(); });
}

}  // namespace

void require_runnable(const network& net) {
    for (const auto& n : net.nodes()) {
        if (is_runnable(n.type)) continue;
        throw error(errc::unsupported, fmt::format("layer '{}'", n.name),
                    fmt::format("its result is {}{}", to_string(n.type),
                                n.type.quantized ? ", quantized" : ""),
                    "the engine runs images and vectors in f32, with a symbolic batch and numbers "
                    "behind it");
    }
}

void rethrow(const dnnl::error& e, const node& layer) {
    if (e.status == dnnl_out_of_memory) throw std::bad_alloc();
    throw error(errc::unsupported, fmt::format("layer '{}'", layer.name),
                fmt::format("oneDNN cannot make it: {}", e.what()),
                "check its shapes, or use other layers");
}

}  // namespace lathe::detail
