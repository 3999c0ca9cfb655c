// SPDX-License-Identifier: Apache-2.0
// What every optimizer must not get wrong: who was proposed, who is in flight, what was told, and
// whether anything new is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/optimizer/concept.hpp"
#include "optimizer/domain.hpp"
#include "optimizer/state_text.hpp"

namespace lathe::detail {

/// One checked outcome. Failed: objectives empty, violation +infinity.
struct result {
    std::uint32_t id = 0;
    bool failed = false;
    std::span<const double> objectives;  ///< empty if failed, or if infeasible and not given
    double violation = 0.0;

    [[nodiscard]] bool feasible() const noexcept { return !failed && violation == 0.0; }
};

/// Ids count up from 0 and number the distinct canonical genotypes proposed so far.
/// Separate random numbers, so that one use does not shift the other.
enum class draw_for : std::uint8_t { member, child };

class ledger {
public:
    /// `first` is proposed before anything else (warm start); repeats in it count as duplicates.
    ledger(search_domain given, std::uint64_t seed, std::vector<genotype> first);

    [[nodiscard]] const domain& space() const noexcept { return space_; }
    [[nodiscard]] const optimizer_counts& counts() const noexcept { return counts_; }
    [[nodiscard]] gene_span genes_of(std::uint32_t id) const noexcept { return visited_[id]; }
    [[nodiscard]] std::size_t proposed() const noexcept { return visited_.size(); }
    /// Ids asked for and not told, ascending.
    [[nodiscard]] std::vector<std::uint32_t> in_flight() const;
    [[nodiscard]] bool is_new(gene_span canonical) const noexcept {
        return !visited_.contains(canonical) && space_.is_member(canonical);
    }
    /// 0 until the first objectives were told.
    [[nodiscard]] std::size_t objectives() const noexcept { return objectives_; }
    /// The generator of the next proposal: depends on the seed, its id and the purpose alone.
    [[nodiscard]] rng next_random(draw_for purpose) const noexcept {
        return rng(seed_, mix(streams_ + 2 * visited_.size() + static_cast<std::uint64_t>(purpose)));
    }

    /// Proposes the canonical form of `genes` (which is overwritten by it) if it is a member and new.
    bool propose(std::vector<std::uint16_t>& genes, std::vector<proposal>& out);
    /// Counts a candidate that need not be looked up to be known as a repeat.
    void note_repeat() noexcept { ++counts_.duplicates; }
    /// Room for n more proposals.
    void reserve(std::size_t n, std::vector<proposal>& out) const;
    /// Proposes what is left of the warm start; false when it is used up.
    bool propose_first(std::vector<proposal>& out);
    /// Proposes a new member, each with the same probability. False when none was found; see
    /// random_search.hpp for what is promised on large spaces.
    bool propose_random(std::vector<proposal>& out);
    void set_exhausted(bool exhausted) noexcept { counts_.exhausted = exhausted; }

    /// Checks everything, then books it; results by ascending id. Throws bad_input and changes nothing
    /// for an unknown id, one told before, a number of objectives that differs from earlier ones, or a
    /// negative violation. A NaN or missing number makes the result failed.
    /// The results refer to `outcomes` and hold until the next call of accept() or receive().
    std::span<const result> accept(std::span<const outcome> outcomes);
    /// Gives an id to each result that is a member, canonical and new, and books it; the others are
    /// passed over. Throws as accept() does, and its results hold for as long.
    std::span<const result> receive(std::span<const immigrant> from_others);

    void write(state_writer& out) const;
    /// Precondition: freshly constructed.
    void read(state_reader& in);

private:
    enum class status : std::uint8_t { in_flight, ok, failed, received };
    [[nodiscard]] bool can_take(const genotype& g);
    /// By id; throws bad_input if one is there twice.
    void sort_results();
    void build_pool();
    bool draw_from_pool(rng& random);

    domain space_;
    std::uint64_t seed_;
    std::uint64_t streams_ = hasher().add("optimizer proposals").value();
    std::vector<genotype> first_;
    std::size_t first_used_ = 0;
    genotype_set visited_;
    std::vector<status> status_;
    std::size_t objectives_ = 0;
    optimizer_counts counts_;
    /// Once random draws stop finding news: all members not among the first `*pool_from_` visited.
    std::optional<std::size_t> pool_from_;
    std::vector<std::uint32_t> pool_;
    std::vector<std::uint16_t> scratch_, raw_;
    std::vector<result> results_;
};

}  // namespace lathe::detail
