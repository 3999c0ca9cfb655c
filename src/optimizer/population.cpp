// SPDX-License-Identifier: Apache-2.0
#include "optimizer/population.hpp"

#include <algorithm>
#include <utility>

namespace lathe::detail {

void population::add(const result& r) {
    if (r.failed) return;
    if (width_ == 0 && !r.objectives.empty()) {
        width_ = r.objectives.size();
        values_.resize(who_.size() * width_);  // earlier ones were infeasible and not measured
    }
    who_.push_back({r.id, 0, 0.0, r.violation, !r.objectives.empty()});
    values_.resize(who_.size() * width_);
    std::copy(r.objectives.begin(), r.objectives.end(),
              values_.end() - static_cast<std::ptrdiff_t>(r.objectives.size()));
}

void population::survive(std::size_t most) {
    feasible_.resize(who_.size());
    infeasible_.resize(who_.size());
    std::size_t feasible = 0;
    for (std::uint32_t i = 0; i < who_.size(); ++i) {
        feasible_[feasible] = i;
        infeasible_[i - feasible] = i;
        feasible += who_[i].violation == 0.0 ? 1U : 0U;
    }
    feasible_.resize(feasible);
    infeasible_.resize(who_.size() - feasible);
    kept_.clear();
    if (!feasible_.empty()) rank_feasible(most);
    rank_infeasible(most);
    keep_only();
}

void population::rank_feasible(std::size_t most) {
    const std::size_t n = feasible_.size();
    columns_.resize(n * width_);
    for (std::size_t k = 0; k < n; ++k) {
        const auto row = objectives_of(feasible_[k]);
        for (std::size_t m = 0; m < width_; ++m) columns_[m * n + k] = row[m];
    }
    const objective_view points(columns_, n, width_);
    rank_.resize(n);
    const std::uint32_t fronts = sorter_.rank(points, rank_, most);
    // Counting sort by front; those without a rank, whose successor is 0, come last.
    static_assert(unranked + 1 == 0);
    start_.assign(fronts + 1, 0);
    for (const auto r : rank_) ++start_[r + 1];
    std::uint32_t ranked = 0;
    for (std::uint32_t r = 0; r < fronts; ++r) ranked += std::exchange(start_[r + 1], ranked);
    start_[0] = ranked;
    front_.resize(n);
    sorter_.for_each_in_order([&](std::uint32_t k) { front_[start_[rank_[k] + 1]++] = k; });
    std::uint32_t from = 0;
    for (std::uint32_t r = 0; r < fronts; ++r) {
        const std::uint32_t to = start_[r + 1];  // by now the end of front r
        const auto front = std::span(front_).subspan(from, to - from);
        distance_.resize(front.size());
        crowding_.measure(points, front, distance_);
        for (std::size_t k = 0; k < front.size(); ++k) {
            individual& one = who_[feasible_[front[k]]];
            one.rank = r;
            one.distance = distance_[k];
            front[k] = feasible_[front[k]];
        }
        const std::size_t room = most - kept_.size();
        if (front.size() > room) {
            std::nth_element(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(room),
                             front.end(), [&](std::uint32_t a, std::uint32_t b) {
                                 return who_[a].distance > who_[b].distance ||
                                        (who_[a].distance == who_[b].distance &&
                                         who_[a].id < who_[b].id);
                             });
        }
        kept_.insert(kept_.end(), front.begin(),
                     front.begin() + static_cast<std::ptrdiff_t>(std::min(room, front.size())));
        from = to;
    }
}

void population::rank_infeasible(std::size_t most) {
    std::uint32_t rank = kept_.empty() ? 0 : who_[kept_.back()].rank + 1;
    std::sort(infeasible_.begin(), infeasible_.end(), [&](std::uint32_t a, std::uint32_t b) {
        return who_[a].violation < who_[b].violation ||
               (who_[a].violation == who_[b].violation && who_[a].id < who_[b].id);
    });
    if (infeasible_.size() > most - kept_.size()) infeasible_.resize(most - kept_.size());
    for (std::size_t k = 0; k < infeasible_.size(); ++k) {
        individual& one = who_[infeasible_[k]];
        if (k > 0 && one.violation > who_[infeasible_[k - 1]].violation) ++rank;
        one.rank = rank;
        one.distance = 0.0;
    }
    kept_.insert(kept_.end(), infeasible_.begin(), infeasible_.end());
}

void population::keep_only() {
    stays_.assign(who_.size(), 0);
    for (const auto i : kept_) stays_[i] = 1;
    std::size_t to = 0;
    for (std::size_t from = 0; from < who_.size(); ++from) {
        if (stays_[from] == 0) continue;
        who_[to] = who_[from];
        std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(from * width_), width_,
                    values_.begin() + static_cast<std::ptrdiff_t>(to * width_));
        ++to;
    }
    who_.resize(to);
    values_.resize(to * width_);
}

void population::keep_first_rank() {
    rank();
    kept_.clear();
    for (std::uint32_t i = 0; i < who_.size(); ++i) {
        if (who_[i].rank == 0) kept_.push_back(i);
    }
    keep_only();
}

void population::keep_youngest(std::size_t most) {
    if (size() <= most) return;
    const auto old = static_cast<std::ptrdiff_t>(size() - most);
    who_.erase(who_.begin(), who_.begin() + old);
    values_.erase(values_.begin(), values_.begin() + old * static_cast<std::ptrdiff_t>(width_));
}

void population::write(state_writer& out) const {
    out.add(std::uint64_t{width_}).add(std::uint64_t{who_.size()});
    for (const individual& one : who_) {
        out.add(std::uint64_t{one.id}).add(std::uint64_t{one.rank});
        out.add(one.distance).add(one.violation).add(one.measured);
    }
    out.add_all(values_);
}

void population::read(state_reader& in, const ledger& book) {
    width_ = in.integer();
    who_.resize(std::min<std::uint64_t>(in.integer(), book.proposed()));
    for (individual& one : who_) {
        one.id = static_cast<std::uint32_t>(in.integer());
        if (one.id >= book.proposed()) in.fail("names a candidate that was never proposed");
        one.rank = static_cast<std::uint32_t>(in.integer());
        one.distance = in.real();
        one.violation = in.real();
        one.measured = in.flag();
    }
    in.read_all(values_);
    if (values_.size() != who_.size() * width_) in.fail("holds a wrong number of objectives");
}

}  // namespace lathe::detail
