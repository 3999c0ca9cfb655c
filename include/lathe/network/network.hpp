// SPDX-License-Identifier: Apache-2.0
// A network: a typed, directed acyclic graph of layers with inferred shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/core/units.hpp"
#include "lathe/network/ops.hpp"

namespace lathe {

/// Values are numbered by the node that makes them; a node makes one value.
using value_id = std::int32_t;

struct node {
    std::string name;  ///< unique in its network
    op operation;
    std::vector<value_id> inputs;  ///< all smaller than the node's own id
    tensor_type type;              ///< of the value it makes
};

enum class output_role : std::uint8_t { logits, probabilities, features };

/// Leave the network here when the largest probability reaches `confidence`.
struct exit_criterion {
    float confidence = 1.0F;
};

struct network_output {
    value_id value = 0;
    output_role role = output_role::logits;
    std::optional<exit_criterion> exit;  ///< none: always computed to the end
};

/// Immutable once built; cheap to move.
class network {
public:
    /// In topological order: inputs of a node come before it.
    [[nodiscard]] std::span<const node> nodes() const noexcept { return nodes_; }
    /// Throws bad_input for a value that is not there.
    [[nodiscard]] const node& at(value_id id) const { return nodes_[place_of(id)]; }
    [[nodiscard]] std::span<const value_id> inputs() const noexcept { return inputs_; }
    [[nodiscard]] std::span<const network_output> outputs() const noexcept { return outputs_; }

    /// Nodes that read the value, ascending. O(1). Throws bad_input for a value that is not there.
    [[nodiscard]] std::span<const value_id> users(value_id id) const {
        return users_[place_of(id)];
    }
    /// The value with this name. Throws bad_input with the nearest name.
    [[nodiscard]] value_id find(std::string_view name) const;

    /// Layers and shapes without the names of parameters: equal for networks of equal cost.
    [[nodiscard]] hash64 structure_hash() const noexcept { return structure_hash_; }
    /// Also the names of parameters and their views: equal for networks of equal outputs.
    [[nodiscard]] hash64 identity_hash() const noexcept { return identity_hash_; }

private:
    friend class network_builder;

    [[nodiscard]] std::size_t place_of(value_id id) const {
        if (id < 0 || static_cast<std::size_t>(id) >= nodes_.size()) refuse(id);
        return static_cast<std::size_t>(id);
    }
    [[noreturn]] static void refuse(value_id id);

    std::vector<node> nodes_;
    std::vector<value_id> inputs_;
    std::vector<network_output> outputs_;
    std::vector<std::vector<value_id>> users_;
    hash64 structure_hash_ = 0;
    hash64 identity_hash_ = 0;
};

/// Multiply-accumulates for one input.
[[nodiscard]] mac_count total_macs(const network& net);
/// Scalars in all parameters; a tensor region used twice counts once per layer that uses it.
[[nodiscard]] parameter_count total_parameters(const network& net);
/// Types of a node's inputs.
[[nodiscard]] std::vector<tensor_type> input_types(const network& net, const node& n);
/// Multiply-accumulates of one node for one input.
[[nodiscard]] mac_count node_macs(const network& net, const node& n);
/// Bytes a node reads and writes for `batch` inputs, every operand once, nothing cached.
[[nodiscard]] byte_count node_traffic(const network& net, const node& n, std::int64_t batch);

/// The same layers with the same parameters for images of another height and width: each input of
/// batch x channels x height x width takes them. Throws shape, naming the layer, where one does not
/// fit. O(layers^2).
[[nodiscard]] network with_image_size(const network& net, std::int64_t height, std::int64_t width);

/// Graphviz text: layers with type and MACs, edges with shapes.
[[nodiscard]] std::string to_dot(const network& net);

/// Makes networks layer by layer. Every call checks shapes at once and names the layer in errors.
class network_builder {
public:
    /// The same as add() with an input_op.
    value_id input(std::string name, tensor_type type);
    /// Throws shape where the inputs do not fit or make more than most_elements for one input,
    /// bad_input for an unknown input or a name used twice.
    value_id add(std::string name, op operation, std::vector<value_id> inputs);
    /// Throws bad_input for an unknown value.
    void output(value_id value, output_role role, std::optional<exit_criterion> exit = {});

    /// The type of a value added before. Throws bad_input for another.
    [[nodiscard]] const tensor_type& type(value_id value) const;

    /// Throws bad_input when there is no input or no output or when a value is never used, shape when
    /// one tensor name has two full shapes (naming both layers).
    [[nodiscard]] network build() &&;

private:
    network net_;
};

}  // namespace lathe
