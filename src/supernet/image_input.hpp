// SPDX-License-Identifier: Apache-2.0
// Images as a network takes them.
#pragma once

#include <cstdint>

#include "lathe/data/concept.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// Shape of the images that the network's only input takes. Throws shape unless it has one input, and
/// that takes images of these channels.
[[nodiscard]] image_shape image_input(const network& net, std::int32_t channels);

}  // namespace lathe
