// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/islands.hpp"

#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "optimizer/check_options.hpp"
#include "optimizer/population.hpp"
#include "optimizer/state_text.hpp"

namespace lathe::detail {
namespace {

constexpr std::size_t most = std::size_t{1} << 24;

[[noreturn]] void refuse(std::uint64_t id, std::string_view problem, std::string remedy) {
    throw error(errc::bad_input, "tell", fmt::format("outcome of id {} {}", id, problem),
                std::move(remedy));
}

bool has_failed(const outcome& o) {
    const bool no_number = std::isnan(o.violation) ||
                           std::ranges::any_of(o.objectives, [](double x) { return std::isnan(x); });
    return o.status == outcome_status::failed || no_number ||
           (o.objectives.empty() && !(o.violation > 0.0));
}

/// An island that is to hear of a candidate, under the id that it gave.
struct creditor {
    std::size_t island = 0;
    std::uint64_t id = 0;
};

struct entry {
    genotype genes;
    std::vector<creditor> owed{};
    std::optional<outcome> known{};
};

}  // namespace

struct archipelago::impl {
    std::size_t islands;
    islands_options options;
    std::vector<entry> entries{};  // by id
    std::unordered_map<genotype, std::uint64_t, genotype_hash> ids{};
    std::vector<std::vector<outcome>> due = std::vector<std::vector<outcome>>(islands);
    std::vector<population> best = std::vector<population>(islands);
    std::size_t next = 0;         // island whose turn it is
    std::size_t since = 0;        // outcomes told since the last migration
    std::size_t objectives = 0;   // once known
    optimizer_counts counts{};

    void owe(const entry& e, const creditor& to) {
        due[to.island].push_back(*e.known);
        due[to.island].back().id = to.id;
        remember(to.island, ids.at(e.genes));
    }

    /// Counts the candidate among what the island knows.
    void remember(std::size_t island, std::uint64_t id) {
        const outcome& o = *entries[id].known;
        best[island].add({static_cast<std::uint32_t>(id), has_failed(o), o.objectives, o.violation});
    }

    [[nodiscard]] bool remembers(std::size_t island, std::uint64_t id) const {
        for (std::size_t k = 0; k < best[island].size(); ++k) {
            if (best[island][k].id == id) return true;
        }
        return false;
    }

    /// The number of objectives that the outcome fixes.
    [[nodiscard]] std::size_t check(const outcome& o, std::size_t width) const {
        if (o.id >= entries.size()) refuse(o.id, "was never asked for", "tell the ids that ask() gave");
        if (entries[o.id].known) refuse(o.id, "was told before", "tell each id once");
        if (has_failed(o)) return width;
        if (o.violation < 0.0) {
            refuse(o.id, fmt::format("has the violation {}", o.violation), "give 0 or more");
        }
        if (o.objectives.empty()) return width;
        if (width != 0 && width != o.objectives.size()) {
            refuse(o.id, fmt::format("has {} objectives, others have {}", o.objectives.size(), width),
                   "give every candidate the same objectives");
        }
        return o.objectives.size();
    }
};

archipelago::archipelago(std::size_t islands, const islands_options& options)
    : impl_(new impl{islands, options}) {
    require_range<std::size_t>("islands", "number", islands, 1, most);
    require_range<std::size_t>("islands", "every", options.every, 1, most);
    require_range<std::size_t>("islands", "migrants", options.migrants, 1, most);
}
archipelago::~archipelago() = default;
archipelago::archipelago(archipelago&&) noexcept = default;
archipelago& archipelago::operator=(archipelago&&) noexcept = default;

std::optional<proposal> archipelago::enlist(std::size_t island, proposal p) {
    const auto [at, fresh] = impl_->ids.emplace(p.genes, impl_->entries.size());
    if (fresh) impl_->entries.push_back({p.genes});
    entry& e = impl_->entries[at->second];
    if (e.known) {
        impl_->owe(e, {island, p.id});
    } else {
        e.owed.push_back({island, p.id});
    }
    if (!fresh) {
        ++impl_->counts.duplicates;
        return std::nullopt;
    }
    ++impl_->counts.asked;
    return proposal{at->second, std::move(p.genes)};
}

std::vector<outcome> archipelago::take_owed(std::size_t island) {
    return std::exchange(impl_->due[island], {});
}

void archipelago::accept(std::span<const outcome> outcomes) {
    std::vector<const outcome*> by_id;
    std::size_t width = impl_->objectives;
    for (const outcome& o : outcomes) {
        width = impl_->check(o, width);
        by_id.push_back(&o);
    }
    std::ranges::sort(by_id, {}, [](const outcome* o) { return o->id; });
    for (std::size_t i = 1; i < by_id.size(); ++i) {
        if (by_id[i]->id == by_id[i - 1]->id) refuse(by_id[i]->id, "is told twice", "tell each id once");
    }
    impl_->objectives = width;
    for (const outcome* o : by_id) {
        entry& e = impl_->entries[o->id];
        e.known = *o;
        for (const creditor& c : std::exchange(e.owed, {})) impl_->owe(e, c);
        impl_->counts.failed += has_failed(*o) ? 1U : 0U;
    }
    impl_->counts.told += outcomes.size();
    impl_->since += outcomes.size();
}

bool archipelago::migration_due() {
    if (impl_->since < impl_->options.every) return false;
    impl_->since = 0;
    return true;
}

std::vector<std::vector<immigrant>> archipelago::migrants() {
    std::vector<std::vector<immigrant>> arriving(impl_->islands);
    std::vector<std::vector<std::uint64_t>> who(impl_->islands);
    for (auto& best : impl_->best) best.survive(impl_->options.migrants);
    for (std::size_t from = 0; from < impl_->islands; ++from) {
        const std::size_t to = (from + 1) % impl_->islands;
        for (std::size_t k = 0; k < impl_->best[from].size(); ++k) {
            const std::uint64_t id = impl_->best[from][k].id;
            if (impl_->remembers(to, id)) continue;
            const entry& e = impl_->entries[id];
            arriving[to].push_back({e.genes, e.known->objectives, e.known->violation});
            who[to].push_back(id);
        }
    }
    for (std::size_t to = 0; to < impl_->islands; ++to) {
        for (const auto id : who[to]) impl_->remember(to, id);
    }
    return arriving;
}

std::size_t archipelago::candidates() const noexcept { return impl_->entries.size(); }

std::size_t archipelago::turn(std::size_t n) {
    const std::size_t first = impl_->next;
    impl_->next = (first + n % impl_->islands) % impl_->islands;
    return first;
}

void archipelago::set_exhausted(bool exhausted) noexcept { impl_->counts.exhausted = exhausted; }

optimizer_counts archipelago::counts() const noexcept { return impl_->counts; }

std::string archipelago::state(std::span<const std::string> islands) const {
    state_writer out("islands");
    out.add(std::uint64_t{impl_->islands}).add(std::uint64_t{impl_->options.every});
    out.add(std::uint64_t{impl_->options.migrants});
    out.add(std::uint64_t{impl_->next}).add(std::uint64_t{impl_->since});
    out.add(impl_->counts.duplicates).add(impl_->counts.exhausted);
    out.add(std::uint64_t{impl_->entries.size()});
    for (const entry& e : impl_->entries) {
        out.add_all(e.genes.genes).add(std::uint64_t{e.owed.size()});
        for (const creditor& c : e.owed) out.add(std::uint64_t{c.island}).add(c.id);
        out.add(e.known.has_value());
        if (!e.known) continue;
        out.add(static_cast<std::uint64_t>(e.known->status)).add_all(e.known->objectives);
        out.add(e.known->violation);
    }
    for (const population& best : impl_->best) {
        out.add(std::uint64_t{best.size()});
        for (std::size_t k = 0; k < best.size(); ++k) out.add(std::uint64_t{best[k].id});
    }
    for (const std::string& one : islands) out.add_text(one);
    return out.finish();
}

std::vector<std::string> archipelago::read(std::string_view state) {
    state_reader in("islands", state);
    impl& now = *impl_;
    if (in.integer() != now.islands) in.fail("belongs to another number of islands");
    if (in.integer() != now.options.every || in.integer() != now.options.migrants) {
        in.fail("belongs to other options");
    }
    now.next = in.integer() % now.islands;
    now.since = in.integer();
    now.counts.duplicates = in.integer();
    now.counts.exhausted = in.flag();
    const std::uint64_t entries = in.integer();
    for (std::uint64_t id = 0; id < entries; ++id) {
        entry e;
        in.read_all(e.genes.genes);
        const std::uint64_t owed = in.integer();
        for (std::uint64_t k = 0; k < owed; ++k) {
            const std::uint64_t island = in.integer();
            if (island >= now.islands) in.fail("names an island that is not there");
            e.owed.push_back({island, in.integer()});
        }
        if (in.flag()) {
            outcome& o = e.known.emplace();
            o.id = id;
            o.status = in.integer() == 0 ? outcome_status::ok : outcome_status::failed;
            in.read_all(o.objectives);
            o.violation = in.real();
            ++now.counts.told;
            now.counts.failed += has_failed(o) ? 1U : 0U;
            if (!has_failed(o) && !o.objectives.empty()) now.objectives = o.objectives.size();
        }
        if (!now.ids.emplace(e.genes, id).second) in.fail("holds a genotype twice");
        now.entries.push_back(std::move(e));
    }
    now.counts.asked = entries;
    for (std::size_t i = 0; i < now.islands; ++i) {
        const std::uint64_t size = in.integer();
        for (std::uint64_t k = 0; k < size; ++k) {
            const std::uint64_t id = in.integer();
            if (id >= entries || !now.entries[id].known) in.fail("ranks a candidate it does not know");
            now.remember(i, id);
        }
    }
    std::vector<std::string> islands;
    for (std::size_t i = 0; i < now.islands; ++i) islands.emplace_back(in.text());
    in.finish();
    return islands;
}

}  // namespace lathe::detail
