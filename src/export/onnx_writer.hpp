// SPDX-License-Identifier: Apache-2.0
// What the ops need to write themselves as ONNX nodes.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export/onnx.hpp"

namespace lathe::detail {

/// Fills the graph of one network. The layers' own names are taken from the start, so that every
/// name made up for an initializer or a value inside a layer differs from them.
class onnx_writer {
public:
    /// Keeps references to all arguments.
    onnx_writer(const network& net, const weight_reader& weights,
                const calibrated_statistics& statistics, const onnx_options& options,
                onnx::GraphProto& graph);

    [[nodiscard]] const node& layer(value_id id) const { return net_.at(id); }
    /// Names of the values that a layer reads.
    [[nodiscard]] std::vector<std::string> inputs(value_id id) const;
    [[nodiscard]] const norm_statistics& statistics(value_id norm) const {
        return statistics_.of(norm);
    }
    /// The batch norm whose arithmetic goes into the weights of this convolution.
    [[nodiscard]] std::optional<value_id> norm_folded_into(value_id conv) const;
    [[nodiscard]] bool is_folded(value_id norm) const;

    /// Values of a parameter in f32. Throws unsupported for another type, numeric if not finite.
    [[nodiscard]] std::vector<float> read(const param_ref& ref) const;

    /// `wanted`, with underscores appended until no other value has this name.
    [[nodiscard]] std::string unique_name(std::string wanted);
    /// Adds a constant tensor and returns its name.
    std::string constant(std::string name, std::span<const std::int64_t> shape,
                         std::span<const float> values);
    /// The whole of a parameter with an explicit shape of as many elements.
    std::string constant(std::string name, std::span<const std::int64_t> shape,
                         const param_ref& ref);
    /// A scalar constant, one per value in the whole graph.
    std::string scalar(std::string_view name, float value);

    /// Adds a node that makes the value `output`.
    onnx::NodeProto& add(const char* type, const std::string& name,
                         const std::vector<std::string>& inputs, const std::string& output);
    /// The node that makes the value of a layer.
    onnx::NodeProto& add(const char* type, value_id id, const std::vector<std::string>& inputs);
    /// A node inside a layer, "<layer>_<step>"; its value has the same name.
    onnx::NodeProto& add_inner(const char* type, value_id id, std::string_view step,
                               const std::vector<std::string>& inputs);

    void add_input(const std::string& name, const tensor_type& type);
    /// Throws bad_input when the value is an output already.
    void add_output(const std::string& name, const tensor_type& type);
    /// Records the type of a value that is not an output, for readers that do not infer shapes.
    void add_value_type(const std::string& name, const tensor_type& type);

private:
    const network& net_;
    const weight_reader& weights_;
    const calibrated_statistics& statistics_;
    bool fold_;
    onnx::GraphProto& graph_;
    std::set<std::string> names_;
    std::set<std::string> outputs_;
    std::map<float, std::string> scalars_;
};

void set_attribute(onnx::NodeProto& node, const char* name, std::int64_t value);
void set_attribute(onnx::NodeProto& node, const char* name, float value);
void set_attribute(onnx::NodeProto& node, const char* name, std::span<const std::int64_t> values);

/// Facet "ONNX": adds the nodes and constants of one layer.
void write_onnx(onnx_writer& writer, value_id id, const input_op& o);
void write_onnx(onnx_writer& writer, value_id id, const conv2d_op& o);
void write_onnx(onnx_writer& writer, value_id id, const batch_norm_op& o);
void write_onnx(onnx_writer& writer, value_id id, const activation_op& o);
void write_onnx(onnx_writer& writer, value_id id, const add_op& o);
void write_onnx(onnx_writer& writer, value_id id, const channel_gate_op& o);
void write_onnx(onnx_writer& writer, value_id id, const pool_op& o);
void write_onnx(onnx_writer& writer, value_id id, const global_pool_op& o);
void write_onnx(onnx_writer& writer, value_id id, const concat_op& o);
void write_onnx(onnx_writer& writer, value_id id, const linear_op& o);
void write_onnx(onnx_writer& writer, value_id id, const softmax_op& o);

}  // namespace lathe::detail
