// SPDX-License-Identifier: Apache-2.0
// The exact compile: what this CPU's kernels need, without weights and without running.
#pragma once

#include <string>

#include "lathe/core/deployment.hpp"
#include "lathe/network/network.hpp"
#include "lathe/network/program.hpp"

namespace lathe {

/// Fuses, chooses kernels and the tile of the batch, and plans every byte that an executor of this
/// network takes.
/// Images are channels-last (batch, height, width, channels) in memory; f32.
/// Deterministic on one CPU, library version and deployment. Takes a few milliseconds.
/// Throws unsupported (naming the layer) for what this engine cannot run, bad_input for a deployment
/// with a count below 1.
[[nodiscard]] program compile(const network& net, const deployment& target);

/// "oneDNN 3.2.0 with AVX-512 BF16", for fingerprints: the instructions that it uses here.
[[nodiscard]] std::string engine_library();

}  // namespace lathe
