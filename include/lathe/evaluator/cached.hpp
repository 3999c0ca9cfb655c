// SPDX-License-Identifier: Apache-2.0
// Never judges the same network twice.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "lathe/evaluator/checks.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/evaluator/provided.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// Remembers successful evaluations of `inner`, which must outlive it, by identity hash and effort:
/// genotypes that lower to the same network share one. Failures are tried again.
template <Evaluator Inner>
class cached_evaluator : public detail::provided_of<Inner> {
public:
    static constexpr thread_safety safety =
        Inner::safety == thread_safety::none ? thread_safety::none : thread_safety::basic;

    /// Throws bad_input for an evaluator that judges whole batches.
    explicit cached_evaluator(Inner& inner) : inner_(&inner) {
        detail::check_judges_alone(inner, "cached_evaluator");
    }

    [[nodiscard]] std::vector<metric_id> metrics() const { return inner_->metrics(); }
    /// Candidates whose evaluation another one had already brought.
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }

    /// Throws bad_input for a candidate without a network, and what `inner` throws.
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity f) {
        std::vector<candidate> misses;
        std::map<key, std::size_t> position;
        for (const candidate& c : candidates) {
            const key k = key_of(c, f);
            if (!known_.contains(k) && position.emplace(k, misses.size()).second) {
                misses.push_back(c);
            }
        }
        std::vector<evaluation> fresh;
        if (!misses.empty()) fresh = inner_->evaluate(misses, f);
        detail::check_count(fresh.size(), misses.size());
        const std::size_t known_before = known_.size();
        for (const auto& [k, i] : position) {
            if (fresh[i].status == evaluation_status::done) known_.emplace(k, fresh[i]);
        }
        const std::size_t brought = known_.size() - known_before;

        std::vector<evaluation> result;
        result.reserve(candidates.size());
        std::size_t answered = 0;
        for (const candidate& c : candidates) {
            const key k = key_of(c, f);
            const auto hit = known_.find(k);
            if (hit != known_.end()) ++answered;
            result.push_back(hit != known_.end() ? hit->second : fresh[position.at(k)]);
        }
        hits_ += answered - brought;
        return result;
    }

private:
    using key = std::pair<hash64, double>;
    static key key_of(const candidate& c, fidelity f) {
        return {detail::network_of(c).identity_hash(), f.effort};
    }

    Inner* inner_;
    std::map<key, evaluation> known_;
    std::uint64_t hits_ = 0;
};

}  // namespace lathe
