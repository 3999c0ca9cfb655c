// SPDX-License-Identifier: Apache-2.0
// In which order the kernel calls of a network run, so that little memory is alive at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "network/concat_slices.hpp"

namespace lathe::detail {

/// Bytes of values alive at once, at most, when the groups run in this order with batch 1. A kernel
/// that can overwrites an input that nobody reads later; what makes a slice writes it into the
/// concat's result. O(groups + edges + parts of a concat squared).
[[nodiscard]] std::int64_t peak_of(const network& net, std::span<const layer_group> groups,
                                   const concat_slices& slices = {});

/// The groups in an order with the least peak_of, found by dynamic programming over the sets of
/// groups that can have run (Ahn et al., Ordering Chaos, MLSys 2020). Of each size only the best sets
/// are kept, so that wide networks get a good order instead of the best. The given order stays where no
/// other one is better. Precondition: the groups of fuse(), in its order.
[[nodiscard]] std::vector<layer_group> order_for_memory(const network& net,
                                                        std::vector<layer_group> groups,
                                                        const concat_slices& slices = {});

/// What both compiles run.
struct execution {
    std::vector<layer_group> groups;
    concat_slices slices;
};

/// The fused groups in the best order. A concat's inputs are made in place where that raises no
/// peak: its result is there from the first of them on, and may be larger than what is alive
/// otherwise.
[[nodiscard]] execution plan_execution(const network& net);

}  // namespace lathe::detail
