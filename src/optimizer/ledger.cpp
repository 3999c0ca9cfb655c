// SPDX-License-Identifier: Apache-2.0
#include "optimizer/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

constexpr std::uint64_t listable = std::uint64_t{1} << 20;  // genotypes worth enumerating
constexpr int tries_uniform = 400;
constexpr int tries_any_form = 400;
constexpr int tries_in_pool = 32;

bool has_nan(const result& r) {
    return std::isnan(r.violation) ||
           std::any_of(r.objectives.begin(), r.objectives.end(),
                       [](double x) { return std::isnan(x); });
}

[[noreturn]] void refuse(std::string_view who, std::string_view problem, std::string remedy) {
    throw error(errc::bad_input, "tell", fmt::format("outcome of {} {}", who, problem),
                std::move(remedy));
}

hash64 fingerprint_of(const std::vector<genotype>& list) {
    hasher h;
    for (const genotype& g : list) h.add(hash_of(g));
    return h.value();
}

std::string id_text(std::uint64_t id) { return fmt::format("id {}", id); }

/// Checks the numbers of one outcome and completes `failed`; `width` is the number of objectives, once
/// it is known. `who()` names the outcome in complaints.
template <class Who>
result checked(result r, std::size_t& width, Who who) {
    const bool unmeasured = r.objectives.empty() && r.violation > 0.0;
    r.failed = r.failed || has_nan(r) || (r.objectives.empty() && !unmeasured);
    if (r.failed) {
        r.objectives = {};
        r.violation = std::numeric_limits<double>::infinity();
    } else if (r.violation < 0.0) {
        refuse(who(), fmt::format("has the violation {}", r.violation), "give 0 or more");
    } else if (!unmeasured) {
        if (width == 0) width = r.objectives.size();
        if (width != r.objectives.size()) {
            refuse(who(),
                   fmt::format("has {} objectives, others have {}", r.objectives.size(), width),
                   "give every candidate the same objectives");
        }
    }
    return r;
}

}  // namespace

ledger::ledger(search_domain given, std::uint64_t seed, std::vector<genotype> first)
    : space_(std::move(given)), seed_(seed), first_(std::move(first)), visited_(space_.genes()) {
    for (std::size_t i = 0; i < first_.size(); ++i) {
        const std::string what = fmt::format("warm start {}", i);
        space_.check_genes(first_[i].genes, what);
        space_.make_canonical(first_[i].genes);
        if (!space_.is_member(first_[i].genes)) {
            throw error(errc::bad_input, "search domain", what + " is not a member of the table",
                        "leave it out");
        }
    }
}

std::vector<std::uint32_t> ledger::in_flight() const {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t id = 0; id < status_.size(); ++id) {
        if (status_[id] == status::in_flight) ids.push_back(id);
    }
    return ids;
}

bool ledger::propose(std::vector<std::uint16_t>& genes, std::vector<proposal>& out) {
    space_.make_canonical(genes);
    if (!space_.is_member(genes)) return false;
    if (!visited_.insert(genes)) {
        ++counts_.duplicates;
        return false;
    }
    out.push_back({status_.size(), genotype{genes}});
    status_.push_back(status::in_flight);
    ++counts_.asked;
    return true;
}

void ledger::reserve(std::size_t n, std::vector<proposal>& out) const {
    constexpr std::size_t most = 65536;  // somebody may ask for "all"
    out.reserve(out.size() + std::min(n, most));
}

bool ledger::propose_first(std::vector<proposal>& out) {
    while (first_used_ < first_.size()) {
        scratch_ = first_[first_used_++].genes;
        if (propose(scratch_, out)) return true;
    }
    return false;
}

bool ledger::propose_random(std::vector<proposal>& out) {
    rng random = next_random(draw_for::member);
    if (!pool_from_ && !space_.from_table()) {
        // A form that is not canonical is drawn again: each member has exactly one that is.
        for (int i = 0; i < tries_uniform; ++i) {
            space_.random(raw_, random);
            scratch_ = raw_;
            space_.make_canonical(scratch_);
            if (scratch_ == raw_ && propose(scratch_, out)) return true;
        }
        if (space_.listed() > listable) {
            for (int i = 0; i < tries_any_form; ++i) {
                space_.random(scratch_, random);
                if (propose(scratch_, out)) return true;
            }
            return false;
        }
    }
    return draw_from_pool(random) && propose(scratch_, out);
}

bool ledger::draw_from_pool(rng& random) {
    if (!pool_from_) build_pool();
    for (int i = 0; i < tries_in_pool && !pool_.empty(); ++i) {
        const auto at = random.below(static_cast<std::uint32_t>(pool_.size()));
        space_.enumerate(pool_[at], scratch_);
        if (!visited_.contains(scratch_)) return true;
    }
    build_pool();
    if (pool_.empty()) return false;
    space_.enumerate(pool_[random.below(static_cast<std::uint32_t>(pool_.size()))], scratch_);
    return true;
}

void ledger::build_pool() {
    const auto keep = [&](std::uint32_t index) {
        space_.enumerate(index, raw_);
        scratch_ = raw_;
        space_.make_canonical(scratch_);
        return scratch_ == raw_ && !visited_.contains(scratch_);
    };
    if (pool_from_) {
        std::erase_if(pool_, [&](std::uint32_t index) { return !keep(index); });
    } else {
        for (std::uint32_t i = 0; i < space_.listed(); ++i) {
            if (keep(i)) pool_.push_back(i);
        }
    }
    pool_from_ = visited_.size();
}

std::span<const result> ledger::accept(std::span<const outcome> outcomes) {
    results_.clear();
    results_.reserve(outcomes.size());
    std::size_t width = objectives_;
    bool ascending = true;
    for (const outcome& o : outcomes) {
        const auto who = [&] { return id_text(o.id); };
        if (o.id >= status_.size() || status_[o.id] == status::received) {
            refuse(who(), "was never asked for", "tell the ids that ask() gave");
        }
        if (status_[o.id] != status::in_flight) refuse(who(), "was told before", "tell each id once");
        ascending = ascending && (results_.empty() || results_.back().id < o.id);
        const bool failed = o.status == outcome_status::failed;
        results_.push_back(checked({static_cast<std::uint32_t>(o.id), failed, o.objectives, o.violation},
                                   width, who));
    }
    if (!ascending) sort_results();
    objectives_ = width;
    for (const result& r : results_) {
        status_[r.id] = r.failed ? status::failed : status::ok;
        counts_.failed += r.failed ? 1U : 0U;
    }
    counts_.told += results_.size();
    return results_;
}

void ledger::sort_results() {
    std::ranges::sort(results_, {}, &result::id);
    const auto twice = std::ranges::adjacent_find(results_, {}, &result::id);
    if (twice != results_.end()) refuse(id_text(twice->id), "is told twice", "tell each id once");
}

bool ledger::can_take(const genotype& g) {
    if (g.genes.size() != space_.genes()) return false;
    for (std::size_t i = 0; i < g.genes.size(); ++i) {
        if (g.genes[i] >= space_.sizes()[i]) return false;
    }
    scratch_ = g.genes;
    space_.make_canonical(scratch_);
    return scratch_ == g.genes && is_new(scratch_);
}

std::span<const result> ledger::receive(std::span<const immigrant> from_others) {
    std::size_t width = objectives_;
    std::vector<std::pair<const immigrant*, result>> sound;
    for (const immigrant& m : from_others) {
        if (!can_take(m.genes)) continue;
        const result r = checked({0, false, m.objectives, m.violation}, width,
                                 [&] { return to_string(m.genes); });
        if (!r.failed) sound.emplace_back(&m, r);
    }
    results_.clear();
    for (auto& [m, r] : sound) {
        if (!visited_.insert(m->genes.genes)) continue;  // twice among them
        r.id = static_cast<std::uint32_t>(status_.size());
        status_.push_back(status::received);
        results_.push_back(r);
    }
    objectives_ = width;
    counts_.received += results_.size();
    return results_;
}

void ledger::write(state_writer& out) const {
    out.add(space_.fingerprint()).add(seed_).add(fingerprint_of(first_));
    out.add(std::uint64_t{first_used_}).add(std::uint64_t{objectives_});
    out.add(counts_.duplicates).add(counts_.exhausted);
    out.add(pool_from_.has_value()).add(std::uint64_t{pool_from_.value_or(0)});
    out.add_all(status_);
    for (std::size_t i = 0; i < visited_.size(); ++i) {
        for (const auto gene : visited_[i]) out.add(std::uint64_t{gene});
    }
}

void ledger::read(state_reader& in) {
    in.expect(space_.fingerprint(), "belongs to another search space");
    in.expect(seed_, "belongs to another seed");
    in.expect(fingerprint_of(first_), "belongs to another warm start");
    first_used_ = in.integer();
    objectives_ = in.integer();
    counts_.duplicates = in.integer();
    counts_.exhausted = in.flag();
    const bool pooled = in.flag();
    const std::size_t pool_from = in.integer();
    in.read_all(status_);
    for (std::size_t i = 0; i < status_.size(); ++i) {
        if (pooled && i == pool_from) build_pool();
        scratch_.resize(space_.genes());
        for (auto& gene : scratch_) gene = static_cast<std::uint16_t>(in.integer());
        space_.check_genes(scratch_, "a genotype of the state");
        if (!visited_.insert(scratch_)) in.fail("holds a genotype twice");
        counts_.received += status_[i] == status::received ? 1U : 0U;
        counts_.told += status_[i] == status::ok || status_[i] == status::failed ? 1U : 0U;
        counts_.failed += status_[i] == status::failed ? 1U : 0U;
    }
    if (pooled && pool_from == status_.size()) build_pool();
    counts_.asked = status_.size() - counts_.received;
}

}  // namespace lathe::detail
