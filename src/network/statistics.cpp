// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/statistics.hpp"

#include <fmt/format.h>

#include <cmath>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// Channels whose statistics a node keeps; 0 for nodes that keep none.
std::size_t statistics_size(const node& n) {
    return std::holds_alternative<batch_norm_op>(n.operation)
               ? static_cast<std::size_t>(n.type.dims[1].size())
               : 0;
}

void check(const node& n, const norm_statistics& s) {
    const std::size_t channels = statistics_size(n);
    if (s.mean.size() != channels || s.variance.size() != channels) {
        throw error(errc::shape, fmt::format("statistics of layer '{}'", n.name),
                    fmt::format("{} means and {} variances for {} channels", s.mean.size(),
                                s.variance.size(), channels),
                    "measure them on this very network");
    }
    for (std::size_t c = 0; c < channels; ++c) {
        if (!std::isfinite(s.mean[c]) || !std::isfinite(s.variance[c]) || s.variance[c] < 0.0F) {
            throw error(errc::numeric, fmt::format("statistics of layer '{}'", n.name),
                        fmt::format("mean {} and variance {} in channel {}", s.mean[c],
                                    s.variance[c], c),
                        "the network has diverged or the calibration data are not finite");
        }
    }
}

}  // namespace

calibrated_statistics::calibrated_statistics(const network& net, element_type precision,
                                             hash64 calibration_data,
                                             std::vector<norm_statistics> by_node)
    : identity_(net.identity_hash()),
      precision_(precision),
      data_(calibration_data),
      by_node_(std::move(by_node)) {
    if (by_node_.size() != net.nodes().size()) {
        throw error(errc::shape, "statistics",
                    fmt::format("{} entries for {} layers", by_node_.size(), net.nodes().size()),
                    "give one entry per layer, empty where the layer keeps none");
    }
    for (std::size_t i = 0; i < by_node_.size(); ++i) check(net.nodes()[i], by_node_[i]);
}

calibrated_statistics calibrated_statistics::neutral(const network& net) {
    std::vector<norm_statistics> by_node;
    for (const auto& n : net.nodes()) {
        const std::size_t channels = statistics_size(n);
        by_node.push_back({std::vector<float>(channels, 0.0F), std::vector<float>(channels, 1.0F)});
    }
    return calibrated_statistics(net, element_type::f32, 0, std::move(by_node));
}

}  // namespace lathe
