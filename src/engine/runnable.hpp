// SPDX-License-Identifier: Apache-2.0
// What a network must be before memory is planned for it.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "lathe/network/network.hpp"

namespace lathe::detail {

/// Kernels read and write images and vectors in float32, for a batch of any size in front and
/// extents known behind it. Throws unsupported naming the first layer whose value is another.
void require_runnable(const network& net);

/// As an exception of the library, naming the layer: std::bad_alloc where memory ran out, otherwise
/// unsupported.
[[noreturn]] void rethrow(const dnnl::error& e, const node& layer);

}  // namespace lathe::detail
