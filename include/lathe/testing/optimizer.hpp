// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the Optimizer concept, to be called from anybody's own tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search_space/members.hpp"

namespace lathe::testing {

/// A smooth problem on any axes, for tests: objective m pulls every gene towards its own target. Some
/// candidates fail or are infeasible where asked for. The same genotype always fares the same.
struct toy_problem {
    std::size_t objectives = 2;
    double failing = 0.0;     ///< share that fails
    double infeasible = 0.0;  ///< share that violates something

    [[nodiscard]] outcome evaluate(const proposal& p, const std::vector<axis>& axes) const {
        outcome o{p.id, outcome_status::ok, std::vector<double>(objectives, 0.0), 0.0};
        for (std::size_t i = 0; i < axes.size(); ++i) {
            const double last = std::max(1.0, static_cast<double>(axes[i].size()) - 1.0);
            for (std::size_t m = 0; m < objectives; ++m) {
                const double target = static_cast<double>(m) / static_cast<double>(objectives);
                const double miss = static_cast<double>(p.genes.genes[i]) / last - target;
                o.objectives[m] += miss * miss * static_cast<double>(i + 1);
            }
        }
        const double luck = static_cast<double>(hash_of(p.genes) >> 11) * 0x1.0p-53;
        if (luck < failing) o.status = outcome_status::failed;
        if (luck > 1.0 - infeasible) o.violation = 0.5 + o.objectives[0];
        return o;
    }
};

/// Drives optimizers that `make()` builds (each call with the same arguments, over `domain`) and
/// returns what is wrong with them, one sentence each: empty means that they conform. `steps` asks of
/// 1 to 7 proposals are made in each of several runs.
template <class Make>
    requires Optimizer<std::invoke_result_t<Make>>
class optimizer_check {
public:
    optimizer_check(search_domain domain, Make make, toy_problem problem = {}, int steps = 30)
        : domain_(std::move(domain)), make_(std::move(make)), problem_(problem), steps_(steps) {}

    [[nodiscard]] std::vector<std::string> run() {
        attempt("a run", [&] { proposals_are_new_legal_members(); });
        attempt("the same run again", [&] { equal_calls_give_equal_proposals(); });
        attempt("outcomes in another order", [&] { order_within_a_tell_is_irrelevant(); });
        attempt("a resumed run", [&] { interrupted_equals_uninterrupted(); });
        attempt("a run of failures", [&] { survives_failures(); });
        attempt("wrong outcomes", [&] { refuses_wrong_outcomes(); });
        attempt("wrong states", [&] { refuses_wrong_states(); });
        return std::move(complaints_);
    }

private:
    using optimizer_type = std::invoke_result_t<Make>;
    using batch = std::vector<proposal>;

    void complain(std::string what) {
        if (std::find(complaints_.begin(), complaints_.end(), what) == complaints_.end()) {
            complaints_.push_back(std::move(what));
        }
    }
    template <class Check>
    void attempt(const std::string& what, Check check) {
        try {
            check();
        } catch (const std::exception& e) {
            complain(what + " throws: " + e.what());
        }
    }
    static std::size_t batch_size(int step) { return 1 + static_cast<std::size_t>(step * 5 % 7); }

    std::vector<outcome> evaluate(const batch& asked) const {
        std::vector<outcome> told;
        for (const auto& p : asked) told.push_back(problem_.evaluate(p, domain_.axes));
        return told;
    }

    /// The steps from `from` to `to`; of every three batches one is told a step late, one in part.
    std::vector<batch> drive(optimizer_type& optimizer, int from, int to, batch& late,
                             bool reversed = false) const {
        std::vector<batch> all;
        for (int step = from; step < to; ++step) {
            all.push_back(optimizer.ask(batch_size(step)));
            auto told = evaluate(late);
            const batch& asked = all.back();
            const std::size_t now = asked.size() * static_cast<std::size_t>(step % 3) / 2;
            const auto at_once = asked.begin() + static_cast<std::ptrdiff_t>(now);
            late.assign(at_once, asked.end());
            const auto more = evaluate(batch(asked.begin(), at_once));
            told.insert(told.end(), more.begin(), more.end());
            if (reversed) std::reverse(told.begin(), told.end());
            optimizer.tell(told);
        }
        return all;
    }

    void proposals_are_new_legal_members() {
        auto optimizer = make_();
        if (!optimizer.ask(0).empty()) complain("ask(0) proposes something");
        std::set<std::vector<std::uint16_t>> members;
        if (domain_.members) {
            for (const auto& g : *domain_.members) members.insert(canonical(g).genes);
        }
        std::set<std::uint64_t> ids;
        std::set<std::vector<std::uint16_t>> seen;
        batch late;
        bool fewer = false;
        int step = 0;
        for (const auto& asked : drive(optimizer, 0, steps_, late)) {
            const std::size_t wanted = batch_size(step++);
            if (asked.size() > wanted) complain("ask(n) gives more than n proposals");
            fewer = fewer || asked.size() < wanted;
            for (const auto& p : asked) {
                if (!ids.insert(p.id).second) complain("an id is given twice");
                if (!legal(p.genes)) {
                    complain("a proposal is not on the axes");
                    continue;
                }
                if (canonical(p.genes) != p.genes) complain("a proposal is not in canonical form");
                if (!seen.insert(p.genes.genes).second) complain("a candidate is proposed twice");
                if (domain_.members && !members.contains(p.genes.genes)) {
                    complain("a proposal is not a member of the table");
                }
            }
        }
        if (fewer && !exhausted(seen.size())) {
            complain("ask(n) gives fewer than n proposals while most members are left");
        }
    }

    /// Half of the members were proposed. Visits every genotype where they can be visited.
    [[nodiscard]] bool exhausted(std::size_t proposed) const {
        if (domain_.members) return 2 * proposed >= domain_.members->size();
        constexpr std::uint64_t most = 1 << 20;
        const auto genotypes = lathe::detail::count_genotypes(domain_.axes);
        if (!genotypes.exact() || *genotypes.exact() > most) return false;
        std::size_t members = 0;
        genotype g{std::vector<std::uint16_t>(domain_.axes.size(), 0)};
        do {
            members += canonical(g) == g;
        } while (lathe::detail::next_genotype(g, domain_.axes));
        return 2 * proposed >= members;
    }

    void equal_calls_give_equal_proposals() {
        auto one = make_();
        auto other = make_();
        batch late, other_late;
        if (drive(one, 0, steps_, late) != drive(other, 0, steps_, other_late)) {
            complain("equal calls give different proposals");
        }
    }

    void order_within_a_tell_is_irrelevant() {
        auto one = make_();
        auto other = make_();
        batch late, other_late;
        if (drive(one, 0, steps_, late) != drive(other, 0, steps_, other_late, true)) {
            complain("the order of outcomes within one tell changes the proposals");
        }
    }

    void interrupted_equals_uninterrupted() {
        auto whole = make_();
        batch late;
        const auto expected = drive(whole, 0, steps_, late);
        auto running = make_();
        batch pending;
        std::vector<batch> got;
        for (int step = 0; step < steps_; ++step) {  // a new process at every step
            auto resumed = make_();
            resumed.restore(running.state());
            if (resumed.state() != running.state()) complain("state() changes by being restored");
            const auto more = drive(resumed, step, step + 1, pending);
            got.insert(got.end(), more.begin(), more.end());
            running = std::move(resumed);
        }
        if (got != expected) complain("a resumed run differs from an uninterrupted one");
    }

    void survives_failures() {
        auto optimizer = make_();
        for (int step = 0; step < steps_; ++step) {
            std::vector<outcome> told;
            for (const auto& p : optimizer.ask(batch_size(step))) {
                outcome o{p.id, outcome_status::failed, {}, 0.0};
                if (step % 2 == 1) {
                    o = {p.id, outcome_status::ok,
                         std::vector<double>(problem_.objectives,
                                             std::numeric_limits<double>::quiet_NaN()),
                         0.0};
                }
                told.push_back(o);
            }
            optimizer.tell(told);
        }
    }

    void refuses_wrong_outcomes() {
        auto optimizer = make_();
        const auto asked = optimizer.ask(3);
        if (asked.empty()) return;
        auto told = evaluate(asked);
        auto unknown = told;
        unknown.push_back(told.front());
        unknown.back().id = std::numeric_limits<std::uint64_t>::max();
        refuse(optimizer, "an unknown id", [&] { optimizer.tell(unknown); });
        auto twice = told;
        twice.push_back(told.front());
        refuse(optimizer, "an id twice in one tell", [&] { optimizer.tell(twice); });
        optimizer.tell(told);
        refuse(optimizer, "an id told before", [&] { optimizer.tell(told); });
    }

    void refuses_wrong_states() {
        auto optimizer = make_();
        batch late;
        drive(optimizer, 0, std::min(steps_, 5), late);
        const std::string good = optimizer.state();
        std::string flipped = good;
        flipped[flipped.size() / 2] = flipped[flipped.size() / 2] == '0' ? '1' : '0';
        const std::string bad[] = {"", "x", good.substr(0, good.size() / 2), flipped};
        for (const auto& state : bad) {
            refuse(optimizer, "a damaged state", [&] { optimizer.restore(state); });
        }
    }

    template <class Call>
    void refuse(const optimizer_type& optimizer, const std::string& what, Call call) {
        const std::string before = optimizer.state();
        try {
            call();
            complain(what + " is accepted");
        } catch (const error&) {
            if (optimizer.state() != before) complain(what + " is refused, but changes the state");
        }
    }

    [[nodiscard]] bool legal(const genotype& g) const {
        bool fits = g.genes.size() == domain_.axes.size();
        for (std::size_t i = 0; fits && i < g.genes.size(); ++i) {
            fits = g.genes[i] < domain_.axes[i].size();
        }
        return fits;
    }
    [[nodiscard]] genotype canonical(const genotype& g) const {
        return domain_.canonical ? domain_.canonical(g) : g;
    }

    search_domain domain_;
    Make make_;
    toy_problem problem_;
    int steps_;
    std::vector<std::string> complaints_;
};

}  // namespace lathe::testing
