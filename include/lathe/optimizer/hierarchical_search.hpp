// SPDX-License-Identifier: Apache-2.0
// Level by level: promising regions of a space are refined, others dropped.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lathe/optimizer/concept.hpp"
#include "lathe/optimizer/nsga2.hpp"

namespace lathe {

struct hierarchical_search_options {
    std::uint64_t seed = 1;
    /// Outcomes told that end a level; one more level follows the last of them and has no end.
    std::vector<std::size_t> budgets = {64, 64};
    std::size_t parts = 2;  ///< into which each region is divided at the end of a level, at most; from 2
    double keep = 0.5;      ///< share of all parts that goes on, at least one; from 0 to 1
};

namespace detail {

/// What a region's optimizer is to hear.
struct region_news {
    std::vector<outcome> answers;   ///< to what it proposed, under its own ids
    std::vector<immigrant> others;  ///< what an earlier level proposed there
};

/// The regions, who proposed what in them, and what became of it.
class region_book {
public:
    /// Throws bad_input for options out of range and for a domain that is empty or contradicts itself.
    region_book(search_domain domain, hierarchical_search_options options);
    ~region_book();
    region_book(region_book&&) noexcept;
    region_book& operator=(region_book&&) noexcept;
    /// As it was when it was constructed.
    [[nodiscard]] region_book fresh() const;

    /// Those that the present level works in, from 0.
    [[nodiscard]] std::size_t regions() const noexcept;
    [[nodiscard]] search_domain domain_of(std::size_t region) const;
    [[nodiscard]] std::uint64_t seed_of(std::size_t region) const;
    /// All that was told of the region's members, failures excepted.
    [[nodiscard]] std::vector<immigrant> known_in(std::size_t region) const;

    /// The proposal in the whole space, or nothing if the candidate is known already: then the region
    /// hears of it.
    [[nodiscard]] std::optional<proposal> enlist(std::size_t region, const proposal& p);
    /// Each piece of news once.
    [[nodiscard]] region_news take_news(std::size_t region);
    /// Books outcomes, which are then news. Throws bad_input, changing nothing, as tell() does.
    void accept(std::span<const outcome> outcomes);
    /// True if the level's budget is used up: then the regions are those of the next one.
    [[nodiscard]] bool begin_next_level();
    /// Takes back the best of the regions dropped last, as a last region of the level; false when
    /// there is none.
    [[nodiscard]] bool reopen();

    [[nodiscard]] std::size_t candidates() const noexcept;
    /// The region whose turn it is; moves on by n.
    [[nodiscard]] std::size_t turn(std::size_t n);
    void set_exhausted(bool exhausted) noexcept;
    [[nodiscard]] optimizer_counts counts() const noexcept;
    [[nodiscard]] std::vector<search_level> levels() const;

    [[nodiscard]] std::string state(std::span<const std::string> inner) const;
    /// Precondition: freshly constructed. Gives the states of the regions' optimizers.
    [[nodiscard]] std::vector<std::string> read(std::string_view state);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// Nested partitions (Shi and Olafsson 2000) whose cuts are learned, as LaMOO (Zhao et al. 2022) learns
/// them for architectures. A region allows some options of every axis; the first level's is the whole
/// space. At the end of a level everything told so far is ranked by constraint-domination. Each region
/// is divided by the cuts that explain most of the variance of these ranks (a regression tree, Breiman
/// et al. 1984); the share of parts whose members rank best on average goes on, the rest is dropped.
/// Within each region works an optimizer of its own, in turns, which is handed what is known of it.
///
/// Refinement helps most where the inner optimizer does not concentrate by itself (random search,
/// descents); with nsga2 inside it searches about as well as nsga2 alone.
///
/// Parts need members with results on both sides of a cut (five each), so a level that was told little
/// divides little. Failures and NaN never count. When every region is exhausted the best of the dropped
/// ones is taken back, so a small space is searched to its last member. Nothing is proposed twice.
/// O(N log N + N * axes * parts) at the end of a level, for N outcomes.
template <Optimizer Inner = nsga2>
class hierarchical_search {
public:
    /// The optimizer of one region. The same arguments must give the same optimizer.
    using maker = std::function<Inner(search_domain, std::uint64_t seed)>;

    /// Throws bad_input for options out of range and for a domain that is empty or contradicts itself,
    /// and what `make` throws.
    hierarchical_search(search_domain domain, hierarchical_search_options options, maker make)
        : make_(std::move(make)), book_(std::move(domain), std::move(options)) {
        open_all();
    }
    /// Of an nsga2 in a region, where nothing else is said.
    static constexpr std::size_t population = 16;
    /// With an nsga2 in each region.
    explicit hierarchical_search(search_domain domain, hierarchical_search_options options = {})
        requires std::same_as<Inner, nsga2>
        : hierarchical_search(std::move(domain), std::move(options),
                              [](search_domain part, std::uint64_t seed) {
                                  return nsga2(std::move(part),
                                               {.seed = seed, .population = population});
                              }) {}

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);

    /// Of the whole: duplicates are candidates that a region proposed though an earlier level had.
    [[nodiscard]] optimizer_counts counts() const noexcept { return book_.counts(); }
    /// What each level begun so far was given and has used.
    [[nodiscard]] std::vector<search_level> levels() const { return book_.levels(); }

private:
    void open_all() {
        inner_.clear();
        while (inner_.size() < book_.regions()) open_next();
    }
    void open_next() {
        const std::size_t region = inner_.size();
        inner_.push_back(make_(book_.domain_of(region), book_.seed_of(region)));
        hand_over(region, book_.known_in(region));
    }
    void hand_over(std::size_t region, const std::vector<immigrant>& results) {
        if constexpr (ReceivingOptimizer<Inner>) {
            if (!results.empty()) inner_[region].receive(results);
        }
    }
    /// Up to n new proposals of one region. Whatever it repeats is in the book, so this ends.
    void ask_region(std::size_t region, std::size_t n, std::vector<proposal>& out);
    void pass_on(std::size_t region) {
        const detail::region_news news = book_.take_news(region);
        if (!news.answers.empty()) inner_[region].tell(news.answers);
        hand_over(region, news.others);
    }

    maker make_;
    detail::region_book book_;
    std::vector<Inner> inner_;  // one per region
};

template <class Make>
hierarchical_search(search_domain, hierarchical_search_options, Make)
    -> hierarchical_search<std::invoke_result_t<Make&, search_domain, std::uint64_t>>;

template <Optimizer Inner>
std::vector<proposal> hierarchical_search<Inner>::ask(std::size_t n) {
    const std::size_t count = inner_.size();
    const std::size_t first = book_.turn(n);
    std::vector<proposal> out;
    for (std::size_t k = 0; k < count; ++k) {
        ask_region((first + k) % count, n / count + (k < n % count ? 1 : 0), out);
    }
    for (std::size_t k = 0; k < count && out.size() < n; ++k) {  // what exhausted regions left open
        ask_region((first + k) % count, n - out.size(), out);
    }
    while (out.size() < n && book_.reopen()) {
        open_next();
        ask_region(inner_.size() - 1, n - out.size(), out);
    }
    book_.set_exhausted(out.size() < n);
    return out;
}

template <Optimizer Inner>
void hierarchical_search<Inner>::ask_region(std::size_t region, std::size_t n,
                                            std::vector<proposal>& out) {
    const std::size_t enough = out.size() + n;
    std::size_t repeats = 0;
    while (out.size() < enough && repeats <= book_.candidates()) {
        const std::vector<proposal> asked = inner_[region].ask(enough - out.size());
        if (asked.empty()) return;
        for (const proposal& p : asked) {
            if (std::optional<proposal> fresh = book_.enlist(region, p)) {
                out.push_back(std::move(*fresh));
            } else {
                ++repeats;
            }
        }
        pass_on(region);
    }
}

template <Optimizer Inner>
void hierarchical_search<Inner>::tell(std::span<const outcome> outcomes) {
    book_.accept(outcomes);
    for (std::size_t region = 0; region < inner_.size(); ++region) pass_on(region);
    if (book_.begin_next_level()) open_all();
}

template <Optimizer Inner>
std::string hierarchical_search<Inner>::state() const {
    std::vector<std::string> states;
    for (const Inner& one : inner_) states.push_back(one.state());
    return book_.state(states);
}

template <Optimizer Inner>
void hierarchical_search<Inner>::restore(std::string_view state) {
    detail::region_book book = book_.fresh();
    const std::vector<std::string> states = book.read(state);
    std::vector<Inner> inner;
    for (std::size_t region = 0; region < states.size(); ++region) {
        inner.push_back(make_(book.domain_of(region), book.seed_of(region)));
        inner.back().restore(states[region]);
    }
    book_ = std::move(book);
    inner_ = std::move(inner);
}

static_assert(LevelledOptimizer<hierarchical_search<nsga2>>);

}  // namespace lathe
