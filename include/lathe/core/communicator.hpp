// SPDX-License-Identifier: Apache-2.0
// What data-parallel work needs from its peers.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace lathe {

/// Every rank calls the same operations in the same order. all_reduce_sum adds element-wise and gives
/// every rank the same bits; broadcast copies from rank 0.
template <class C>
concept Communicator = requires(C& c, std::span<float> values, std::span<std::byte> bytes) {
    { c.rank() } -> std::convertible_to<int>;
    { c.size() } -> std::convertible_to<int>;
    c.all_reduce_sum(values);
    c.broadcast(bytes);
};

/// One rank, alone.
struct single_rank {
    [[nodiscard]] static constexpr int rank() noexcept { return 0; }
    [[nodiscard]] static constexpr int size() noexcept { return 1; }
    static void all_reduce_sum(std::span<float>) noexcept {}
    static void broadcast(std::span<std::byte>) noexcept {}
};
static_assert(Communicator<single_rank>);

}  // namespace lathe
