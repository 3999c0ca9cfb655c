// SPDX-License-Identifier: Apache-2.0
// Who reads a value.
#pragma once

#include <optional>

#include "lathe/network/network.hpp"

namespace lathe::detail {

/// O(outputs).
[[nodiscard]] bool is_output(const network& net, value_id value);

/// The one node that reads the value, if there is one and the value is no output. O(outputs).
[[nodiscard]] std::optional<value_id> only_reader(const network& net, value_id value);

}  // namespace lathe::detail
