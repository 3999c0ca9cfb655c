// SPDX-License-Identifier: Apache-2.0
// The little of oneDNN that the engine uses, in one place.
#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "engine/thread_scope.hpp"
#include "lathe/network/ops.hpp"
#include "lathe/network/tensor_type.hpp"

namespace lathe::detail {

using dnnl_tag = dnnl::memory::format_tag;
using dnnl_type = dnnl::memory::data_type;

/// The CPU engine. One per process: oneDNN's engines hold no state of ours.
const dnnl::engine& cpu_engine();

/// Throws internal for a type that the engine does not use.
dnnl_type onednn_type(element_type type);
/// Channels-last descriptor of an image or row-major descriptor of a vector.
dnnl::memory::desc activation_desc(const tensor_type& type, std::int64_t batch,
                                   dnnl_type stored = dnnl_type::f32);
/// Weights in whatever layout the kernel likes; (g, o, i, h, w) when groups > 1.
dnnl::memory::desc any_weights(const std::vector<std::int64_t>& oihw, std::int64_t groups,
                               dnnl_type stored = dnnl_type::f32);
/// The same weights as plain rows.
dnnl::memory::desc plain_weights(const std::vector<std::int64_t>& oihw, std::int64_t groups);
dnnl::memory::desc vector_desc(std::int64_t size);
/// Bytes of a tensor in floats, up to a whole cache line.
std::int64_t rounded_floats(const dnnl::memory::desc& desc);

void append_activation(dnnl::post_ops& ops, activation kind);
/// Attributes with a scratchpad that the caller provides.
dnnl::primitive_attr user_scratchpad();

/// A primitive with its arguments, called without building anything.
class primitive_call {
public:
    explicit primitive_call(dnnl::primitive primitive) : primitive_(std::move(primitive)) {}
    void bind(int argument, dnnl::memory memory);
    void bind(int argument, const dnnl::memory::desc& desc, void* data);
    /// Other data for the argument that was bound as number `index`.
    void rebind(std::size_t index, const void* data);
    void run(const dnnl::stream& stream) const;

private:
    dnnl::primitive primitive_;
    std::vector<dnnl::memory> memories_;
    std::vector<dnnl_exec_arg_t> arguments_;
};

/// A primitive whose weights and scratch stay while its two images change from call to call. For one
/// thread at a time.
class image_call {
public:
    /// The images must be the first two arguments of the call.
    image_call(primitive_call call, const dnnl::stream& stream)
        : call_(std::move(call)), stream_(&stream) {}

    void operator()(const void* first, const void* second) {
        call_.rebind(0, first);
        call_.rebind(1, second);
        call_.run(*stream_);
    }

private:
    primitive_call call_;
    const dnnl::stream* stream_;
};

/// Copies plain weights into the layout of `wanted`.
void reorder_weights(const dnnl::memory::desc& plain, const float* from,
                     const dnnl::memory::desc& wanted, void* to);

}  // namespace lathe::detail
