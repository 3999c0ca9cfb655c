// SPDX-License-Identifier: Apache-2.0
// The networks that the suites train, run and plan, and images for them: the same in every program,
// and for the peers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lathe/data/image_set.hpp"
#include "lathe/data/transform.hpp"
#include "lathe/format/json.hpp"
#include "lathe/network/network.hpp"
#include "lathe/search_space/mobile_space.hpp"

namespace lathe::benchmarks {

/// The preset "mobile32", or the one network of a file such as benchmarks/specs/k5.json as a space
/// with one member.
[[nodiscard]] mobile_space read_space(const std::string& name);

/// Member 0, 1, ... of the space: the index is the seed.
[[nodiscard]] network fixed_member(const mobile_space& space, std::uint64_t index);

/// What one training step of the space runs: the sandwich rule with members 0 and 1, or the only
/// network there is.
[[nodiscard]] std::vector<network> fixed_step(const mobile_space& space);

/// For peers/torch_network.py: the layers in order, each with the layers it reads and its
/// attributes; a parameter is the name of its base tensor and one index range a dimension. Throws
/// unsupported for an op that mobile networks do not have.
[[nodiscard]] json_value describe(const network& net);

/// Random pixels and labels below `classes`.
[[nodiscard]] image_set random_images(std::size_t count, image_shape shape, std::int32_t classes);
/// What brings them to about [-2, 2].
[[nodiscard]] normalization scale_of(image_shape shape);
/// 0, 1, ..., images.size() - 1.
[[nodiscard]] std::vector<std::uint32_t> all_of(const image_set& images);

/// (count, height, width, channels) -> (count, channels, height, width).
[[nodiscard]] std::vector<float> channels_first(std::span<const float> images, std::int64_t count,
                                                std::int64_t height, std::int64_t width,
                                                std::int64_t channels);

}  // namespace lathe::benchmarks
