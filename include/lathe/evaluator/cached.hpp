// SPDX-License-Identifier: Apache-2.0
// Never judges the same network twice.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

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

    explicit cached_evaluator(Inner& inner) : inner_(&inner) {}

    [[nodiscard]] std::vector<metric_id> metrics() const { return inner_->metrics(); }
    /// Candidates answered without asking `inner`.
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }

    /// Precondition: every candidate has a network.
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity f) {
        std::vector<candidate> misses;
        std::map<key, std::size_t> position;
        for (const candidate& c : candidates) {
            const key k{c.net->identity_hash(), f.effort};
            if (!known_.contains(k) && position.emplace(k, misses.size()).second) {
                misses.push_back(c);
            }
        }
        hits_ += candidates.size() - misses.size();
        std::vector<evaluation> fresh;
        if (!misses.empty()) fresh = inner_->evaluate(misses, f);
        for (const auto& [k, i] : position) {
            if (fresh.at(i).status == evaluation_status::done) known_.emplace(k, fresh[i]);
        }

        std::vector<evaluation> result;
        result.reserve(candidates.size());
        for (const candidate& c : candidates) {
            const key k{c.net->identity_hash(), f.effort};
            const auto hit = known_.find(k);
            result.push_back(hit != known_.end() ? hit->second : fresh[position.at(k)]);
        }
        return result;
    }

private:
    using key = std::pair<hash64, double>;

    Inner* inner_;
    std::map<key, evaluation> known_;
    std::uint64_t hits_ = 0;
};

}  // namespace lathe
