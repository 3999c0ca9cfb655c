// SPDX-License-Identifier: Apache-2.0
// Several optimizers on one problem, which pass their best results on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct islands_options {
    std::size_t every = 100;    ///< outcomes told between two migrations, from 1
    std::size_t migrants = 5;   ///< results that each island passes on, from 1
};

namespace detail {

/// Who proposed what under which id, what became of it, and the best that each island knows.
class archipelago {
public:
    /// Throws bad_input without islands and for options out of range.
    archipelago(std::size_t islands, const islands_options& options);
    ~archipelago();
    archipelago(archipelago&&) noexcept;
    archipelago& operator=(archipelago&&) noexcept;

    /// The proposal under an id of its own, or nothing if the candidate is known already: then the
    /// island is owed its outcome.
    [[nodiscard]] std::optional<proposal> enlist(std::size_t island, proposal p);
    /// Outcomes that are known and owed to the island, under its own ids; each one once.
    [[nodiscard]] std::vector<outcome> take_owed(std::size_t island);
    /// Books outcomes, which are then owed. Throws bad_input, changing nothing, as tell() does.
    void accept(std::span<const outcome> outcomes);
    /// True once in every so many outcomes.
    [[nodiscard]] bool migration_due();
    /// For each island the best of its neighbour in the ring, by constraint-domination and crowding.
    [[nodiscard]] std::vector<std::vector<immigrant>> migrants();

    [[nodiscard]] std::size_t candidates() const noexcept;
    /// The island whose turn it is; moves on by n.
    [[nodiscard]] std::size_t turn(std::size_t n);
    void set_exhausted(bool exhausted) noexcept;
    [[nodiscard]] optimizer_counts counts() const noexcept;

    [[nodiscard]] std::string state(std::span<const std::string> islands) const;
    /// Precondition: freshly constructed. Gives the islands' states.
    [[nodiscard]] std::vector<std::string> read(std::string_view state);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// The island model: each optimizer proposes a share of every batch, in turns, and is told what became
/// of it. A candidate that two of them propose is evaluated once and told to both. After every
/// `every` outcomes each island passes its `migrants` best results on to the next one in a ring; only
/// models of ReceivingOptimizer receive any. Everything is a function of the arguments and the calls.
///
/// All islands should search the same axes; one whose domain is smaller takes only what is a member of
/// it. Each must keep the contract of Optimizer; what one throws out of tell() passes through, and the
/// object is then to be restored from an earlier state.
template <Optimizer... Kinds>
class islands {
public:
    using island = std::variant<Kinds...>;

    /// Throws bad_input without islands and for options out of range.
    explicit islands(std::vector<island> all, islands_options options = {})
        : options_(options), all_(std::move(all)), book_(all_.size(), options_) {}

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);

    /// Of the whole: duplicates are candidates that several islands proposed.
    [[nodiscard]] optimizer_counts counts() const noexcept { return book_.counts(); }
    [[nodiscard]] std::span<const island> members() const noexcept { return all_; }

private:
    /// Up to n new proposals of one island. Whatever it repeats was proposed by another one, so this
    /// ends even on an island that never runs out.
    void ask_island(std::size_t i, std::size_t n, std::vector<proposal>& out);
    void tell_owed(std::size_t i);
    [[nodiscard]] std::vector<std::string> states() const;
    void restore_islands(std::span<const std::string> states);

    islands_options options_;
    std::vector<island> all_;
    detail::archipelago book_;
};

template <Optimizer... Kinds>
std::vector<proposal> islands<Kinds...>::ask(std::size_t n) {
    const std::size_t count = all_.size();
    const std::size_t first = book_.turn(n);
    std::vector<proposal> out;
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t share = n / count + (k < n % count ? 1 : 0);
        ask_island((first + k) % count, share, out);
    }
    for (std::size_t k = 0; k < count && out.size() < n; ++k) {  // what exhausted islands left open
        ask_island((first + k) % count, n - out.size(), out);
    }
    book_.set_exhausted(out.size() < n);
    return out;
}

template <Optimizer... Kinds>
void islands<Kinds...>::ask_island(std::size_t i, std::size_t n, std::vector<proposal>& out) {
    const std::size_t enough = out.size() + n;
    std::size_t repeats = 0;
    while (out.size() < enough && repeats <= book_.candidates()) {
        std::vector<proposal> asked =
            std::visit([&](auto& o) { return o.ask(enough - out.size()); }, all_[i]);
        if (asked.empty()) return;
        for (proposal& p : asked) {
            std::optional<proposal> fresh = book_.enlist(i, std::move(p));
            if (fresh) {
                out.push_back(std::move(*fresh));
            } else {
                ++repeats;
            }
        }
        tell_owed(i);
    }
}

template <Optimizer... Kinds>
void islands<Kinds...>::tell_owed(std::size_t i) {
    const std::vector<outcome> owed = book_.take_owed(i);
    if (!owed.empty()) std::visit([&](auto& o) { o.tell(owed); }, all_[i]);
}

template <Optimizer... Kinds>
void islands<Kinds...>::tell(std::span<const outcome> outcomes) {
    book_.accept(outcomes);
    for (std::size_t i = 0; i < all_.size(); ++i) tell_owed(i);
    if (!book_.migration_due()) return;
    const auto arriving = book_.migrants();
    for (std::size_t i = 0; i < all_.size(); ++i) {
        std::visit(
            [&]<class O>(O& o) {
                if constexpr (ReceivingOptimizer<O>) o.receive(arriving[i]);
            },
            all_[i]);
    }
}

template <Optimizer... Kinds>
std::vector<std::string> islands<Kinds...>::states() const {
    std::vector<std::string> list;
    for (const island& one : all_) {
        list.push_back(std::visit([](const auto& o) { return o.state(); }, one));
    }
    return list;
}

template <Optimizer... Kinds>
std::string islands<Kinds...>::state() const {
    return book_.state(states());
}

template <Optimizer... Kinds>
void islands<Kinds...>::restore_islands(std::span<const std::string> states) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
        std::visit([&](auto& o) { o.restore(states[i]); }, all_[i]);
    }
}

template <Optimizer... Kinds>
void islands<Kinds...>::restore(std::string_view state) {
    detail::archipelago fresh(all_.size(), options_);
    const std::vector<std::string> wanted = fresh.read(state);
    const std::vector<std::string> present = states();
    try {
        restore_islands(wanted);
    } catch (...) {
        restore_islands(present);
        throw;
    }
    book_ = std::move(fresh);
}

}  // namespace lathe
