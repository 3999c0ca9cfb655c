// SPDX-License-Identifier: Apache-2.0
#include "network/readers.hpp"

#include <algorithm>

namespace lathe::detail {

bool is_output(const network& net, value_id value) {
    return std::ranges::any_of(net.outputs(),
                               [&](const network_output& o) { return o.value == value; });
}

std::optional<value_id> only_reader(const network& net, value_id value) {
    const auto users = net.users(value);
    if (users.size() != 1 || is_output(net, value)) return {};
    return users[0];
}

}  // namespace lathe::detail
