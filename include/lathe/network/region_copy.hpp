// SPDX-License-Identifier: Apache-2.0
// Values of a parameter region, to and from its base tensor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lathe/network/param_ref.hpp"

namespace lathe {

/// dense = base[region], row-major. Sizes are those of the full shape and of the region.
void gather(const param_region& region, const std::vector<std::int64_t>& full_shape,
            std::span<const float> base, std::span<float> dense);

/// base[region] += dense.
void scatter_add(const param_region& region, const std::vector<std::int64_t>& full_shape,
                 std::span<const float> dense, std::span<float> base);

}  // namespace lathe
