// SPDX-License-Identifier: Apache-2.0
// How the rest of the library asks for the values of parameters, wherever they are kept.
#pragma once

#include <functional>
#include <span>

#include "lathe/network/param_ref.hpp"

namespace lathe {

/// Writes the values of a parameter, views applied, dense and row-major, into `out`, which has
/// element_count(ref) elements. Throws bad_input for a tensor it does not know.
using weight_reader = std::function<void(const param_ref& ref, std::span<float> out)>;

/// Small values that depend on tensor name and index only: for timing and for tests that need some
/// weights but no training.
[[nodiscard]] weight_reader arbitrary_weights();

}  // namespace lathe
