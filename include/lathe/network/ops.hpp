// SPDX-License-Identifier: Apache-2.0
// The layers a network is made of: one alternative of a closed variant each.
//
// What is known about an op is a set of free functions overloaded for its type ("facets"). Those of
// this folder are declared at the end; the engine adds execution, export/ adds ONNX. A facet that is
// missing for an alternative does not compile. docs/adding-an-op.md lists the files to touch.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lathe/network/param_ref.hpp"
#include "lathe/network/tensor_type.hpp"

namespace lathe {

using extent2 = std::array<std::int64_t, 2>;  ///< height, width

/// A named input of the network.
struct input_op {
    tensor_type type;
};

/// Cross-correlation. weight: (out, in / groups, kernel height, kernel width); bias: (out).
/// `padding` zeros are added on both sides.
struct conv2d_op {
    param_ref weight;
    std::optional<param_ref> bias;
    extent2 stride{1, 1};
    extent2 padding{0, 0};
    std::int64_t groups = 1;
};

/// y = scale * (x - mean) / sqrt(variance + epsilon) + shift per channel. Mean and variance are not
/// parameters: they are the batch's in training and the network's own statistics afterwards.
struct batch_norm_op {
    param_ref scale;
    param_ref shift;
    float epsilon = 1e-5F;
};

enum class activation : std::uint8_t { relu, relu6, hard_swish, swish, gelu };

struct activation_op {
    activation kind = activation::relu;
};

/// Element-wise sum of two values of one type.
struct add_op {};

/// Squeeze-and-excite (Hu et al. 2018): x * hard_sigmoid(expand * relu(reduce * mean(x) + b) + c)
/// per channel. reduce_weight: (hidden, channels), expand_weight: (channels, hidden).
struct channel_gate_op {
    param_ref reduce_weight;
    param_ref reduce_bias;
    param_ref expand_weight;
    param_ref expand_bias;
};

enum class pooling : std::uint8_t { max, average };

/// Average pooling does not count the padding.
struct pool_op {
    pooling kind = pooling::max;
    extent2 kernel{2, 2};
    extent2 stride{2, 2};
    extent2 padding{0, 0};
};

/// Mean over height and width: (batch, channels, height, width) -> (batch, channels).
struct global_pool_op {};

/// Channels of all inputs, one after the other.
struct concat_op {};

/// y = weight * x + bias. weight: (out, in), bias: (out).
struct linear_op {
    param_ref weight;
    param_ref bias;
};

/// Softmax over the features.
struct softmax_op {};

using op = std::variant<input_op, conv2d_op, batch_norm_op, activation_op, add_op, channel_gate_op,
                        pool_op, global_pool_op, concat_op, linear_op, softmax_op>;

/// What a parameter is for: decides its initial values and whether weight decay applies.
enum class param_role : std::uint8_t { conv_weight, linear_weight, bias, norm_scale, norm_shift };

struct parameter {
    param_role role;
    const param_ref* ref;
};

using types_view = std::span<const tensor_type>;

/// Facet "name": stable lower-case word, used in files, pictures and op tables.
std::string_view name_of(const input_op&);
std::string_view name_of(const conv2d_op&);
std::string_view name_of(const batch_norm_op&);
std::string_view name_of(const activation_op&);
std::string_view name_of(const add_op&);
std::string_view name_of(const channel_gate_op&);
std::string_view name_of(const pool_op&);
std::string_view name_of(const global_pool_op&);
std::string_view name_of(const concat_op&);
std::string_view name_of(const linear_op&);
std::string_view name_of(const softmax_op&);

/// Facet "shape": the type of the result. Throws shape naming `layer` and the shapes that clash.
tensor_type infer_type(const input_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const conv2d_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const batch_norm_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const activation_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const add_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const channel_gate_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const pool_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const global_pool_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const concat_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const linear_op&, types_view inputs, const std::string& layer);
tensor_type infer_type(const softmax_op&, types_view inputs, const std::string& layer);

/// Facet "MACs": multiply-accumulates for one input; element-wise ops count none.
std::int64_t macs_of(const input_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const conv2d_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const batch_norm_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const activation_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const add_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const channel_gate_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const pool_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const global_pool_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const concat_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const linear_op&, types_view inputs, const tensor_type& result);
std::int64_t macs_of(const softmax_op&, types_view inputs, const tensor_type& result);

/// Facet "parameters": pointers into the op, in the order of its members.
std::vector<parameter> parameters_of(const input_op&);
std::vector<parameter> parameters_of(const conv2d_op&);
std::vector<parameter> parameters_of(const batch_norm_op&);
std::vector<parameter> parameters_of(const activation_op&);
std::vector<parameter> parameters_of(const add_op&);
std::vector<parameter> parameters_of(const channel_gate_op&);
std::vector<parameter> parameters_of(const pool_op&);
std::vector<parameter> parameters_of(const global_pool_op&);
std::vector<parameter> parameters_of(const concat_op&);
std::vector<parameter> parameters_of(const linear_op&);
std::vector<parameter> parameters_of(const softmax_op&);

/// Facet "structure": everything but the parameters, for the hashes.
void add_structure(hasher& h, const input_op&);
void add_structure(hasher& h, const conv2d_op&);
void add_structure(hasher& h, const batch_norm_op&);
void add_structure(hasher& h, const activation_op&);
void add_structure(hasher& h, const add_op&);
void add_structure(hasher& h, const channel_gate_op&);
void add_structure(hasher& h, const pool_op&);
void add_structure(hasher& h, const global_pool_op&);
void add_structure(hasher& h, const concat_op&);
void add_structure(hasher& h, const linear_op&);
void add_structure(hasher& h, const softmax_op&);

/// The same facets for any op.
std::string_view name_of(const op& o);
std::vector<parameter> parameters_of(const op& o);

/// "relu", "relu6", "hard_swish", "swish", "gelu".
std::string_view to_string(activation kind) noexcept;

}  // namespace lathe
