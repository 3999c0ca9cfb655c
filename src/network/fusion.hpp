// SPDX-License-Identifier: Apache-2.0
// Which layers of a network become one kernel call at inference: for the exact compile and for the
// lower bound alike.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "lathe/network/network.hpp"

namespace lathe::detail {

/// Another value that is added to the result.
struct residual {
    value_id value;
};
using post_operation = std::variant<activation, residual>;

/// An anchor layer and what is computed while its result is still at hand.
struct layer_group {
    std::vector<value_id> nodes;  ///< the anchor first; the last one makes the group's value
    value_id norm = -1;           ///< batch norm folded into the anchor's weights
    std::vector<post_operation> post;

    [[nodiscard]] value_id anchor() const { return nodes.front(); }
    [[nodiscard]] value_id result() const { return nodes.back(); }
    /// The value added by the group, if there is one.
    [[nodiscard]] std::optional<value_id> added() const;
};

/// Groups in the order of execution: by their results. Convolutions and linear layers take a batch
/// norm, activations and one residual add; a batch norm on its own takes activations. Every node but
/// the inputs is in exactly one group. O(nodes + edges).
[[nodiscard]] std::vector<layer_group> fuse(const network& net);

/// Values that the group reads from outside, ascending, each once.
[[nodiscard]] std::vector<value_id> reads_of(const network& net, const layer_group& group);
/// Those of them that it reads element by element, so that its result may take their memory if nobody
/// reads them later.
[[nodiscard]] std::vector<value_id> overwritable_by(const network& net, const layer_group& group);

}  // namespace lathe::detail
