// SPDX-License-Identifier: Apache-2.0
// Shape inference and MACs of the ops.
#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/network/ops.hpp"

namespace lathe {
namespace {

using shape = std::vector<std::int64_t>;

[[noreturn]] void clash(const std::string& layer, const std::string& problem,
                        const std::string& remedy = {}) {
    throw error(errc::shape, "layer '" + layer + "'", problem, remedy);
}

std::string text(const shape& s) { return fmt::format("[{}]", fmt::join(s, ",")); }

const tensor_type& only_input(types_view inputs, const std::string& layer, std::string_view what) {
    if (inputs.size() != 1) clash(layer, fmt::format("{} inputs, {} takes 1", inputs.size(), what));
    return inputs[0];
}

/// (batch, channels, height, width) with known channels, height and width.
const tensor_type& image_input(types_view inputs, const std::string& layer, std::string_view what) {
    const tensor_type& in = only_input(inputs, layer, what);
    if (in.dims.size() != 4 || in.dims[1].is_symbol() || in.dims[2].is_symbol() ||
        in.dims[3].is_symbol()) {
        clash(layer, fmt::format("input is {}, {} needs (batch, channels, height, width)",
                                 to_string(in), what));
    }
    return in;
}

const tensor_type& vector_input(types_view inputs, const std::string& layer,
                                std::string_view what) {
    const tensor_type& in = only_input(inputs, layer, what);
    if (in.dims.size() != 2 || in.dims[1].is_symbol()) {
        clash(layer, fmt::format("input is {}, {} needs (batch, features)", to_string(in), what));
    }
    return in;
}

shape expect_rank(const param_ref& ref, std::size_t rank, const std::string& layer) {
    shape s = shape_of(ref);
    if (s.size() != rank) {
        clash(layer, fmt::format("parameter '{}' has shape {}, {} dimensions are needed", ref.tensor,
                                 text(s), rank));
    }
    return s;
}

void expect_shape(const param_ref& ref, const shape& wanted, const std::string& layer) {
    const shape s = shape_of(ref);
    if (s != wanted) {
        clash(layer, fmt::format("parameter '{}' has shape {}, the input needs {}", ref.tensor,
                                 text(s), text(wanted)));
    }
}

std::int64_t window_count(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                          std::int64_t padding, const tensor_type& in, const std::string& layer) {
    if (kernel < 1 || kernel > most_elements || stride < 1 || padding < 0 || padding >= kernel ||
        size + 2 * padding < kernel) {
        clash(layer,
              fmt::format("kernel {} with stride {} and padding {} does not fit input {}", kernel,
                          stride, padding, to_string(in)),
              "kernel and stride are at least 1, padding is smaller than the kernel");
    }
    return (size + 2 * padding - kernel) / stride + 1;
}

std::int64_t positions(const tensor_type& image) {
    return image.dims[2].size() * image.dims[3].size();
}

}  // namespace

tensor_type infer_type(const input_op& o, types_view inputs, const std::string& layer) {
    if (!inputs.empty()) clash(layer, fmt::format("{} inputs, input takes none", inputs.size()));
    if (o.type.dims.empty()) clash(layer, "an input without dimensions");
    for (const auto& d : o.type.dims) {
        if (!d.is_symbol() && d.size() < 1) {
            clash(layer, fmt::format("type {} has an empty dimension", to_string(o.type)));
        }
    }
    return o.type;
}

tensor_type infer_type(const conv2d_op& o, types_view inputs, const std::string& layer) {
    const tensor_type& in = image_input(inputs, layer, "conv2d");
    const shape w = expect_rank(o.weight, 4, layer);
    const std::int64_t channels = in.dims[1].size();
    if (o.groups < 1 || channels % o.groups != 0 || w[0] % o.groups != 0 ||
        w[1] != channels / o.groups) {
        clash(layer, fmt::format("weight '{}' of shape {} with {} groups does not fit input {}",
                                 o.weight.tensor, text(w), o.groups, to_string(in)),
              "the weight's second dimension is input channels / groups");
    }
    if (o.bias) expect_shape(*o.bias, {w[0]}, layer);
    tensor_type out = in;
    out.dims[1] = w[0];
    for (std::size_t d = 0; d < 2; ++d) {
        out.dims[d + 2] = window_count(in.dims[d + 2].size(), w[d + 2], o.stride[d], o.padding[d],
                                       in, layer);
    }
    return out;
}

tensor_type infer_type(const batch_norm_op& o, types_view inputs, const std::string& layer) {
    const tensor_type& in = image_input(inputs, layer, "batch_norm");
    expect_shape(o.scale, {in.dims[1].size()}, layer);
    expect_shape(o.shift, {in.dims[1].size()}, layer);
    if (!(o.epsilon > 0.0F)) {
        clash(layer, fmt::format("epsilon is {}", o.epsilon), "give a number above 0");
    }
    return in;
}

tensor_type infer_type(const activation_op&, types_view inputs, const std::string& layer) {
    return only_input(inputs, layer, "activation");
}

tensor_type infer_type(const add_op&, types_view inputs, const std::string& layer) {
    if (inputs.size() != 2) clash(layer, fmt::format("{} inputs, add takes 2", inputs.size()));
    if (inputs[0] != inputs[1]) {
        clash(layer, fmt::format("cannot add {} and {}", to_string(inputs[0]),
                                 to_string(inputs[1])));
    }
    return inputs[0];
}

tensor_type infer_type(const channel_gate_op& o, types_view inputs, const std::string& layer) {
    const tensor_type& in = image_input(inputs, layer, "channel_gate");
    const std::int64_t channels = in.dims[1].size();
    const std::int64_t hidden = expect_rank(o.reduce_weight, 2, layer)[0];
    expect_shape(o.reduce_weight, {hidden, channels}, layer);
    expect_shape(o.reduce_bias, {hidden}, layer);
    expect_shape(o.expand_weight, {channels, hidden}, layer);
    expect_shape(o.expand_bias, {channels}, layer);
    return in;
}

tensor_type infer_type(const pool_op& o, types_view inputs, const std::string& layer) {
    tensor_type out = image_input(inputs, layer, "pool");
    for (std::size_t d = 0; d < 2; ++d) {
        out.dims[d + 2] = window_count(inputs[0].dims[d + 2].size(), o.kernel[d], o.stride[d],
                                       o.padding[d], inputs[0], layer);
    }
    return out;
}

tensor_type infer_type(const global_pool_op&, types_view inputs, const std::string& layer) {
    tensor_type out = image_input(inputs, layer, "global_pool");
    out.dims.resize(2, dim(0));
    return out;
}

tensor_type infer_type(const concat_op&, types_view inputs, const std::string& layer) {
    if (inputs.empty()) clash(layer, "concat takes at least 1 input");
    tensor_type out = image_input(inputs.first(1), layer, "concat");
    std::int64_t channels = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const tensor_type& in = inputs[i];
        tensor_type same_but_channels = in;
        if (in.dims.size() == 4) same_but_channels.dims[1] = inputs[0].dims[1];
        if (same_but_channels != inputs[0]) {
            clash(layer, fmt::format("cannot put channels of {} behind those of {}", to_string(in),
                                     to_string(inputs[0])));
        }
        channels += image_input(inputs.subspan(i, 1), layer, "concat").dims[1].size();
    }
    out.dims[1] = channels;
    return out;
}

tensor_type infer_type(const linear_op& o, types_view inputs, const std::string& layer) {
    tensor_type out = vector_input(inputs, layer, "linear");
    const shape w = expect_rank(o.weight, 2, layer);
    if (w[1] != out.dims[1].size()) {
        clash(layer, fmt::format("weight '{}' of shape {} does not fit input {}", o.weight.tensor,
                                 text(w), to_string(out)));
    }
    expect_shape(o.bias, {w[0]}, layer);
    out.dims[1] = w[0];
    return out;
}

tensor_type infer_type(const softmax_op&, types_view inputs, const std::string& layer) {
    return vector_input(inputs, layer, "softmax");
}

std::int64_t macs_of(const input_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const conv2d_op& o, types_view, const tensor_type& result) {
    return element_count(o.weight) * positions(result);
}
std::int64_t macs_of(const batch_norm_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const activation_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const add_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const channel_gate_op& o, types_view, const tensor_type&) {
    return element_count(o.reduce_weight) + element_count(o.expand_weight);
}
std::int64_t macs_of(const pool_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const global_pool_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const concat_op&, types_view, const tensor_type&) { return 0; }
std::int64_t macs_of(const linear_op& o, types_view, const tensor_type&) {
    return element_count(o.weight);
}
std::int64_t macs_of(const softmax_op&, types_view, const tensor_type&) { return 0; }

}  // namespace lathe
