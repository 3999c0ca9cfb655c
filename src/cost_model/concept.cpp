// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/concept.hpp"

#include <algorithm>

#include "lathe/core/error.hpp"

namespace lathe {

cost_table::cost_table(std::vector<metric_id> metrics, std::size_t networks)
    : metrics_(std::move(metrics)), networks_(networks), cells_(metrics_.size() * networks) {}

std::span<const estimate> cost_table::column(const metric_id& metric) const {
    const auto found = std::find(metrics_.begin(), metrics_.end(), metric);
    if (found == metrics_.end()) {
        std::string known;
        for (const auto& m : metrics_) known += (known.empty() ? "" : ", ") + to_string(m);
        throw error(errc::bad_input, "cost_table", "there is no column " + to_string(metric),
                    "it has: " + known);
    }
    return column(static_cast<std::size_t>(found - metrics_.begin()));
}

std::span<estimate> cost_table::column(std::size_t metric) noexcept {
    return std::span(cells_).subspan(metric * networks_, networks_);
}

std::span<const estimate> cost_table::column(std::size_t metric) const noexcept {
    return std::span(cells_).subspan(metric * networks_, networks_);
}

}  // namespace lathe
