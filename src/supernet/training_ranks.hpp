// SPDX-License-Identifier: Apache-2.0
// What the ranks of one training tell each other.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "lathe/core/communicator.hpp"
#include "lathe/core/hash.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

/// Every rank makes the same calls in the same order. A rank alone sends nothing and gets its own
/// values back. When one rank fails inside together(), the others throw error (io), naming it, from
/// their next call: nobody waits for a rank that has gone.
class training_ranks {
public:
    explicit training_ranks(communicator_ref peers) : peers_(peers) {}

    [[nodiscard]] int rank() const noexcept { return peers_.rank(); }
    [[nodiscard]] int size() const noexcept { return peers_.size(); }
    [[nodiscard]] bool alone() const noexcept { return size() == 1; }

    template <class Work>
    auto together(Work work) {
        try {
            return work();
        } catch (...) {
            announce_failure();
            throw;
        }
    }

    /// True on every rank when it is true on any.
    [[nodiscard]] bool any(bool here);
    /// The value of rank 0.
    template <class T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] T of_first(T here) {
        broadcast(std::as_writable_bytes(std::span(&here, 1)));
        return here;
    }
    /// Throws bad_input on every rank, naming one that differs, unless all give the same hash.
    void require_same(hash64 here);
    /// Gradients of what this step used become their mean over the ranks, with the same bits on
    /// every rank; false on every rank, and no gradient is touched, when one was not `finite`.
    [[nodiscard]] bool average_gradients(weight_store& weights, bool finite);

private:
    enum class signal : int { no, yes, failed };

    std::vector<signal> exchange(signal here);
    void broadcast(std::span<std::byte> bytes);
    void sum(std::span<float> values);
    void average_bucket(std::span<const std::span<float>> pieces);
    void announce_failure() noexcept;

    communicator_ref peers_;
    std::vector<float> bucket_;
    bool over_ = false;  // a peer has failed, or communication has: nothing more is sent
};

}  // namespace lathe
