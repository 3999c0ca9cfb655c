// SPDX-License-Identifier: Apache-2.0
#include "supernet/training_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// Large enough that latency does not count, small enough to stay in the caches.
constexpr std::size_t bucket_floats = std::size_t{1} << 20;

}  // namespace

void training_ranks::sum(std::span<float> values) {
    over_ = true;  // unless it returns
    peers_.all_reduce_sum(values);
    over_ = false;
}

/// One number per rank: everybody adds theirs to the zeros of the others.
std::vector<training_ranks::signal> training_ranks::exchange(signal here) {
    std::vector<float> numbers(static_cast<std::size_t>(size()), 0.0F);
    numbers[static_cast<std::size_t>(rank())] = static_cast<float>(here);
    sum(numbers);
    std::vector<signal> signals;
    for (const float number : numbers) signals.push_back(static_cast<signal>(number));
    const auto failed = std::ranges::find(signals, signal::failed);
    if (failed != signals.end()) {
        over_ = true;
        throw error(errc::io, "training",
                    fmt::format("rank {} of {} has failed", failed - signals.begin(), size()),
                    "its own error says why");
    }
    return signals;
}

void training_ranks::broadcast(std::span<std::byte> bytes) {
    if (alone()) return;
    (void)exchange(signal::no);
    over_ = true;  // unless it returns
    peers_.broadcast(bytes);
    over_ = false;
}

void training_ranks::announce_failure() noexcept {
    if (alone() || over_) return;
    try {
        (void)exchange(signal::failed);
    } catch (...) {
        // The failure that is being announced is the one to report.
    }
    over_ = true;
}

bool training_ranks::any(bool here) {
    if (alone()) return here;
    const auto signals = exchange(here ? signal::yes : signal::no);
    return std::ranges::find(signals, signal::yes) != signals.end();
}

void training_ranks::require_same(hash64 here) {
    if (alone()) return;
    const bool differs = of_first(here) != here;
    const auto signals = exchange(differs ? signal::yes : signal::no);
    const auto other = std::ranges::find(signals, signal::yes);
    if (other != signals.end()) {
        throw error(errc::bad_input, "training",
                    fmt::format("rank {} has other settings, images, networks or weights than rank 0",
                                other - signals.begin()),
                    "start every rank with the same arguments, on CPUs of one kind");
    }
}

bool training_ranks::average_gradients(weight_store& weights, bool finite) {
    if (any(!finite)) return false;
    if (alone()) return true;
    std::vector<std::span<float>> pieces;
    std::size_t filled = 0;
    for (auto& [name, t] : weights.tensors()) {
        if (t.used.empty()) continue;
        for (std::span<float> rest = t.gradient; !rest.empty();) {
            pieces.push_back(rest.first(std::min(rest.size(), bucket_floats - filled)));
            filled += pieces.back().size();
            rest = rest.subspan(pieces.back().size());
            if (filled < bucket_floats) continue;
            average_bucket(pieces);
            pieces.clear();
            filled = 0;
        }
    }
    if (!pieces.empty()) average_bucket(pieces);
    return true;
}

void training_ranks::average_bucket(std::span<const std::span<float>> pieces) {
    bucket_.clear();
    for (const auto piece : pieces) bucket_.insert(bucket_.end(), piece.begin(), piece.end());
    sum(bucket_);
    const float share = 1.0F / static_cast<float>(size());
    auto from = bucket_.cbegin();
    for (const auto piece : pieces) {
        for (float& value : piece) value = share * *from++;
    }
}

}  // namespace lathe
