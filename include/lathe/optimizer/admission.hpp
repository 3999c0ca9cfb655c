// SPDX-License-Identifier: Apache-2.0
// What to do with candidates that break an exact limit (parameters, MACs, planned memory): nothing need
// be measured to know it.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/concept.hpp"

namespace lathe {

/// 0 for a genotype that keeps every exact limit, else how far it is from it; the same for genotypes
/// with the same canonical form. Thread-safe.
using exact_violation = std::function<double(const genotype&)>;

/// Repair as a policy: the canonical form of a genotype becomes the end of a steepest descent in the
/// violation, one gene at a time, so that optimizers see only feasible members (or, where the descent
/// gets stuck, locally least violating ones). Random search stays uniform over them. Throws bad_input
/// for a domain with a list of members: repair would leave it.
[[nodiscard]] search_domain with_repair(search_domain domain, exact_violation violation);

/// Strict rejection as a policy: a proposal that breaks an exact limit is told to the optimizer at once,
/// with its violation and without objectives, and another one is asked for instead.
template <Optimizer Inner>
class screened {
public:
    /// `patience`: refusals after which ask() gives up, at least 1 (else bad_input).
    screened(Inner inner, exact_violation violation, std::size_t patience = 10000)
        : inner_(std::move(inner)), violation_(std::move(violation)), patience_(patience) {
        if (patience_ == 0 || !violation_) {
            throw error(errc::bad_input, "screened", "no patience or no violation function",
                        "give a patience of at least 1 and a function");
        }
    }

    /// Fewer than n if the space is exhausted or the patience ends. Throws infeasible, with the least
    /// violation seen, if the patience ends before any candidate passed; asking again goes on from there.
    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes) { inner_.tell(outcomes); }
    [[nodiscard]] std::string state() const { return inner_.state(); }
    void restore(std::string_view state) { inner_.restore(state); }
    void receive(std::span<const immigrant> results)
        requires ReceivingOptimizer<Inner>
    {
        inner_.receive(results);
    }
    [[nodiscard]] std::vector<search_level> levels() const
        requires LevelledOptimizer<Inner>
    {
        return inner_.levels();
    }
    [[nodiscard]] const Inner& inner() const noexcept { return inner_; }

private:
    Inner inner_;
    exact_violation violation_;
    std::size_t patience_;
};

namespace detail {
[[noreturn]] void give_up(std::size_t refused, double least);
}  // namespace detail

template <Optimizer Inner>
std::vector<proposal> screened<Inner>::ask(std::size_t n) {
    std::vector<proposal> passed;
    std::size_t refused = 0;
    double least = std::numeric_limits<double>::infinity();
    while (passed.size() < n && refused < patience_) {
        auto asked = inner_.ask(n - passed.size());
        if (asked.empty()) return passed;
        std::vector<outcome> broken;
        for (auto& p : asked) {
            const double v = violation_(p.genes);
            if (v == 0.0) {
                passed.push_back(std::move(p));
                continue;
            }
            const double amount = std::isnan(v) ? std::numeric_limits<double>::infinity() : v;
            least = amount < least ? amount : least;
            broken.push_back({p.id, outcome_status::ok, {}, amount});
        }
        inner_.tell(broken);
        refused += broken.size();
    }
    if (passed.empty() && n > 0) detail::give_up(refused, least);
    return passed;
}

}  // namespace lathe
