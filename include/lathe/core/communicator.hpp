// SPDX-License-Identifier: Apache-2.0
// What data-parallel work needs from its peers, and how the library holds any of them.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace lathe {

/// Every rank calls the same operations in the same order, with spans of the same size.
/// all_reduce_sum adds element-wise in the order of the ranks, ((x0 + x1) + x2) + ..., so that every
/// rank gets the same bits, which depend on nothing but the values and the number of ranks;
/// broadcast copies from rank 0. Both throw error (io) when a peer cannot be reached.
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

/// Any communicator, by reference: the communicator must outlive this. By default one rank, alone.
class communicator_ref {
public:
    communicator_ref() noexcept = default;
    template <Communicator C>
        requires(!std::same_as<C, communicator_ref>)
    communicator_ref(C& c)
        : self_(&c),
          rank_(c.rank()),
          size_(c.size()),
          sum_([](void* self, std::span<float> values) {
              static_cast<C*>(self)->all_reduce_sum(values);
          }),
          broadcast_([](void* self, std::span<std::byte> bytes) {
              static_cast<C*>(self)->broadcast(bytes);
          }) {}

    [[nodiscard]] int rank() const noexcept { return rank_; }
    [[nodiscard]] int size() const noexcept { return size_; }
    void all_reduce_sum(std::span<float> values) const {
        if (sum_ != nullptr) sum_(self_, values);
    }
    void broadcast(std::span<std::byte> bytes) const {
        if (broadcast_ != nullptr) broadcast_(self_, bytes);
    }

private:
    void* self_ = nullptr;
    int rank_ = 0;
    int size_ = 1;
    void (*sum_)(void*, std::span<float>) = nullptr;
    void (*broadcast_)(void*, std::span<std::byte>) = nullptr;
};
static_assert(Communicator<communicator_ref>);

}  // namespace lathe
