// SPDX-License-Identifier: Apache-2.0
// The fixed parts into which training data is divided.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lathe {

/// Disjoint index sets, each in random order, so that the first images of a part are a fair sample.
struct data_split {
    std::vector<std::uint32_t> train;          ///< weights are learned on these
    std::vector<std::uint32_t> recalibration;  ///< statistics of subnets are measured on these
    std::vector<std::uint32_t> validation;     ///< the search compares subnets on these
};

/// Depends only on the arguments; what is left over is for training. Throws bad_input unless every
/// part gets at least one image.
[[nodiscard]] data_split split_indices(std::size_t images, std::size_t recalibration,
                                       std::size_t validation, std::uint64_t seed);

}  // namespace lathe
