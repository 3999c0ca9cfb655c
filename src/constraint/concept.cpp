// SPDX-License-Identifier: Apache-2.0
#include "lathe/constraint/concept.hpp"

#include <algorithm>

namespace lathe {

estimate metric_values::at(const metric_id& id) const noexcept {
    const auto n = std::min(ids.size(), values.size());
    for (std::size_t i = 0; i < n; ++i) {
        if (ids[i] == id) return values[i];
    }
    return estimate::missing(estimate_status::not_measured);
}

}  // namespace lathe
