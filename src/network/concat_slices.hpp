// SPDX-License-Identifier: Apache-2.0
// Which values are made right where a concat wants them: for the exact compile and for the lower
// bound alike.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "network/fusion.hpp"

namespace lathe::detail {

/// Place of a value in the result of a concat.
struct concat_slice {
    value_id whole;  ///< the concat's result, or the value itself
    std::int64_t first_channel;
};
using concat_slices = std::map<value_id, concat_slice>;

/// Convolutions with higher kernels make no slices: the engine's own kernel does not take them.
inline constexpr std::int64_t highest_sliced_kernel = 16;

/// The values that can be: those that nobody but one concat reads, made by a convolution of one
/// group with at most a relu, relu6 or hard-swish behind it. Its kernel leaves room between the
/// pixels of its result, so the concat has nothing to copy. `groups`: all of the network. O(groups
/// + parts of a concat squared).
[[nodiscard]] concat_slices find_concat_slices(const network& net,
                                               std::span<const layer_group> groups);

/// Where a value lies: in itself, or in the whole of which it is a slice.
[[nodiscard]] concat_slice place_of(const concat_slices& slices, value_id value);

/// Bytes of a value, or of the part of a concat's result that is copied.
[[nodiscard]] std::int64_t bytes_written(const network& net, const concat_slices& slices,
                                         value_id value, std::int64_t batch);

}  // namespace lathe::detail
