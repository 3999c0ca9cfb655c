// SPDX-License-Identifier: Apache-2.0
// Parameters are shared, statistics are not: means and variances belong to one network.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// Per channel; variance is the biased one and not negative.
struct norm_statistics {
    std::vector<float> mean;
    std::vector<float> variance;
};

/// Measured statistics of one network. Evaluation takes this type, so a network that was never
/// calibrated cannot be judged by mistake.
class calibrated_statistics {
public:
    /// `by_node[i]` holds the statistics of node i, empty for nodes that keep none.
    /// Throws numeric for a non-finite or negative value, shape for a wrong size; names the layer.
    calibrated_statistics(const network& net, element_type precision, hash64 calibration_data,
                          std::vector<norm_statistics> by_node);

    /// Mean 0 and variance 1 everywhere: good for timing, which does not depend on the values.
    [[nodiscard]] static calibrated_statistics neutral(const network& net);

    [[nodiscard]] hash64 network_identity() const noexcept { return identity_; }
    [[nodiscard]] element_type precision() const noexcept { return precision_; }
    [[nodiscard]] hash64 calibration_data() const noexcept { return data_; }
    [[nodiscard]] const norm_statistics& of(value_id id) const {
        return by_node_.at(static_cast<std::size_t>(id));
    }

private:
    hash64 identity_;
    element_type precision_;
    hash64 data_;
    std::vector<norm_statistics> by_node_;
};

}  // namespace lathe
