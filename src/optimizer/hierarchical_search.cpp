// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/hierarchical_search.hpp"

#include <algorithm>
#include <unordered_map>

#include "optimizer/check_options.hpp"
#include "optimizer/ledger.hpp"
#include "optimizer/population.hpp"
#include "optimizer/region.hpp"

namespace lathe::detail {
namespace {

constexpr std::size_t most = std::size_t{1} << 24;
constexpr std::size_t fewest_members = 5;  // of a part: fewer say little about it

// What is known of a candidate, where it is no position among what was told.
constexpr std::uint32_t in_flight = 0xffffffffU;
constexpr std::uint32_t failed = 0xfffffffeU;

hierarchical_search_options checked(hierarchical_search_options o) {
    constexpr auto* name = "hierarchical_search";
    for (const std::size_t budget : o.budgets) {
        require_range<std::size_t>(name, "budgets", budget, 1, most);
    }
    require_range<std::size_t>(name, "parts", o.parts, 2, 1024);
    require_range(name, "keep", o.keep, 0.0, 1.0);
    return o;
}

/// The region that proposed a candidate last, and the candidate's id there.
struct proposer {
    std::uint64_t serial = 0;
    std::uint64_t id = 0;
};

/// A region on its way to the next level.
struct part {
    region where;
    std::vector<scored_member> members;
    std::optional<cut> next;  // where it would be divided
    double sum = 0.0;         // of qualities
};

/// Better on average; a part without members is worst.
bool ahead(const part& a, const part& b) {
    const auto na = static_cast<double>(a.members.size());
    const auto nb = static_cast<double>(b.members.size());
    if (a.members.empty() || b.members.empty()) return !a.members.empty() && b.members.empty();
    return a.sum * nb > b.sum * na;
}

void write(state_writer& out, const region& r) {
    out.add(r.serial).add(r.anchor.has_value()).add(std::uint64_t{r.anchor.value_or(0)});
    for (const auto& options : r.options) out.add_all(options);
}

}  // namespace

struct region_book::impl {
    search_domain domain;
    hierarchical_search_options options;
    ledger book{domain, options.seed, {}};
    population told{};                 // all of it, failures excepted, in order
    std::vector<std::uint32_t> what{};  // by id: a position in `told`, in_flight or failed
    std::vector<proposer> by{};         // by id
    std::unordered_map<genotype, std::uint32_t, genotype_hash> ids{};
    std::vector<region> open = {whole_space(domain.axes)};
    std::vector<region> dropped{};      // the best of the last level last
    std::vector<region_news> news = std::vector<region_news>(1);
    std::uint64_t serials = 1;
    std::size_t next = 0;  // region whose turn it is
    std::vector<search_level> levels{};

    impl(search_domain d, hierarchical_search_options o)
        : domain(std::move(d)), options(checked(std::move(o))) {
        begin_level();
    }

    [[nodiscard]] std::size_t budget() const {
        const std::size_t level = levels.size() - 1;
        return level < options.budgets.size() ? options.budgets[level] : 0;
    }

    /// The open regions are those of a level that begins now.
    void begin_level() {
        search_level l;
        levels.push_back(l);
        levels.back().budget = budget();
        levels.back().regions = open.size();
        levels.back().share = 0.0;
        for (const region& r : open) levels.back().share += r.share_of(domain.axes);
        news.assign(open.size(), {});
        next = 0;
    }

    [[nodiscard]] genotype genes_of(std::uint32_t id) const {
        const gene_span g = book.genes_of(id);
        return {{g.begin(), g.end()}};
    }

    [[nodiscard]] immigrant result_of(std::size_t position, const region& r) const {
        const individual& one = told[position];
        const auto values = told.objectives_of(position);
        immigrant m{within(r, book.genes_of(one.id)), {}, one.violation};
        if (one.measured) m.objectives.assign(values.begin(), values.end());
        return m;
    }

    /// The answer to a proposal with the given id of a region's optimizer.
    [[nodiscard]] outcome answer(std::uint32_t id, std::uint64_t inner_id) const {
        if (what[id] == failed) return {inner_id, outcome_status::failed, {}, 0.0};
        const std::size_t position = what[id];
        const auto values = told.objectives_of(position);
        outcome o{inner_id, outcome_status::ok, {}, told[position].violation};
        if (told[position].measured) o.objectives.assign(values.begin(), values.end());
        return o;
    }

    /// Adds what became of the candidate to the news of the region that it lies in.
    void announce(std::uint32_t id) {
        const auto at = std::ranges::find_if(
            open, [&](const region& r) { return r.holds(book.genes_of(id)); });
        if (at == open.end()) return;
        region_news& to = news[static_cast<std::size_t>(at - open.begin())];
        if (by[id].serial == at->serial) {
            to.answers.push_back(answer(id, by[id].id));
        } else if (what[id] != failed) {
            to.others.push_back(result_of(what[id], *at));
        }
    }

    /// All results by constraint-domination: worse ones count 1, equal ones a half.
    [[nodiscard]] std::vector<scored_member> scored() {
        told.rank();
        std::vector<std::uint32_t> ranks;
        for (std::size_t i = 0; i < told.size(); ++i) ranks.push_back(told[i].rank);
        std::ranges::sort(ranks);
        std::vector<scored_member> members;
        for (std::size_t i = 0; i < told.size(); ++i) {
            const auto equal = std::ranges::equal_range(ranks, told[i].rank);
            const auto worse = static_cast<double>(ranks.end() - equal.end());
            const auto others = static_cast<double>(equal.size()) - 1.0;
            members.push_back(
                {told[i].id, book.genes_of(told[i].id), worse + 0.5 * others});
        }
        return members;
    }

    [[nodiscard]] part part_of(region where, std::span<const scored_member> among) const {
        part p{std::move(where), {}, {}, 0.0};
        for (const scored_member& m : among) {
            if (!p.where.holds(m.genes)) continue;
            p.members.push_back(m);
            p.sum += m.quality;
        }
        if (!p.members.empty()) p.where.anchor = p.members.front().id;
        p.next = best_cut(p.where, domain.axes, p.members, fewest_members);
        return p;
    }

    /// The parts into which a region falls, by the cuts that explain most, one after the other.
    [[nodiscard]] std::vector<part> divide(const region& r,
                                           std::span<const scored_member> members) const {
        std::vector<part> parts;
        parts.push_back(part_of(r, members));
        while (parts.size() < options.parts) {
            const auto widest = std::ranges::max_element(parts, {}, [](const part& p) {
                return p.next ? p.next->gain : -1.0;
            });
            if (!widest->next) break;
            const part whole = std::move(*widest);
            region first = whole.where;
            region second = whole.where;
            const std::size_t at = whole.next->axis;
            first.options[at] = whole.next->first;
            std::erase_if(second.options[at], [&](std::uint16_t option) {
                return std::ranges::binary_search(first.options[at], option);
            });
            *widest = part_of(std::move(first), whole.members);
            parts.push_back(part_of(std::move(second), whole.members));
        }
        return parts;
    }

    void refine() {
        const auto members = scored();
        std::vector<part> parts;
        for (const region& r : open) {
            for (part& p : divide(r, members)) parts.push_back(std::move(p));
        }
        std::ranges::stable_sort(parts, ahead);
        const auto share = static_cast<std::size_t>(
            options.keep * static_cast<double>(parts.size()) + 0.5);
        const std::size_t kept = std::max<std::size_t>(1, share);
        open.clear();
        for (std::size_t i = parts.size(); i-- > kept;) dropped.push_back(std::move(parts[i].where));
        for (std::size_t i = 0; i < kept; ++i) take(std::move(parts[i].where));
        begin_level();
    }

    void take(region r) {
        r.serial = serials++;
        open.push_back(std::move(r));
    }

    region read_region(state_reader& in) const {
        region r = whole_space(domain.axes);
        r.serial = in.integer();
        const bool anchored = in.flag();
        const std::uint64_t anchor = in.integer();
        if (anchored && anchor >= book.proposed()) in.fail("has a region without a member");
        if (anchored) r.anchor = static_cast<std::uint32_t>(anchor);
        for (std::size_t i = 0; i < r.options.size(); ++i) {
            in.read_all(r.options[i]);
            const auto& options_here = r.options[i];
            if (options_here.empty() || options_here.back() >= domain.axes[i].size() ||
                std::ranges::adjacent_find(options_here, std::ranges::greater_equal{}) !=
                    options_here.end()) {
                in.fail("has a region that is none");
            }
        }
        if (r.anchor && !r.holds(book.genes_of(*r.anchor))) in.fail("has a region without a member");
        return r;
    }
};

region_book::region_book(search_domain domain, hierarchical_search_options options)
    : impl_(new impl(std::move(domain), std::move(options))) {}
region_book::~region_book() = default;
region_book::region_book(region_book&&) noexcept = default;
region_book& region_book::operator=(region_book&&) noexcept = default;

region_book region_book::fresh() const { return {impl_->domain, impl_->options}; }

std::size_t region_book::regions() const noexcept { return impl_->open.size(); }

search_domain region_book::domain_of(std::size_t region) const {
    const auto& r = impl_->open[region];
    return r.anchor ? domain_within(impl_->domain, r, impl_->genes_of(*r.anchor)) : impl_->domain;
}

std::uint64_t region_book::seed_of(std::size_t region) const {
    const std::uint64_t serial = impl_->open[region].serial;
    if (serial == 0) return impl_->options.seed;
    return hasher().add("region").add(impl_->options.seed).add(serial).value();
}

std::vector<immigrant> region_book::known_in(std::size_t region) const {
    const auto& r = impl_->open[region];
    std::vector<immigrant> results;
    for (std::size_t i = 0; i < impl_->told.size(); ++i) {
        if (r.holds(impl_->book.genes_of(impl_->told[i].id))) {
            results.push_back(impl_->result_of(i, r));
        }
    }
    return results;
}

std::optional<proposal> region_book::enlist(std::size_t region, const proposal& p) {
    impl& now = *impl_;
    std::vector<std::uint16_t> genes = outside(now.open[region], p.genes.genes).genes;
    const proposer who{now.open[region].serial, p.id};
    std::vector<proposal> out;
    if (now.book.propose(genes, out)) {
        now.ids.emplace(out.front().genes, static_cast<std::uint32_t>(out.front().id));
        now.what.push_back(in_flight);
        now.by.push_back(who);
        return std::move(out.front());
    }
    const std::uint32_t id = now.ids.at(genotype{std::move(genes)});
    now.by[id] = who;
    if (now.what[id] != in_flight) now.news[region].answers.push_back(now.answer(id, p.id));
    return std::nullopt;
}

region_news region_book::take_news(std::size_t region) {
    return std::exchange(impl_->news[region], {});
}

void region_book::accept(std::span<const outcome> outcomes) {
    impl& now = *impl_;
    for (const result& r : now.book.accept(outcomes)) {
        now.what[r.id] = r.failed ? failed : static_cast<std::uint32_t>(now.told.size());
        now.told.add(r);
        now.announce(r.id);
        now.levels.back().failed += r.failed ? 1U : 0U;
    }
    now.levels.back().told += outcomes.size();
}

bool region_book::begin_next_level() {
    const search_level& level = impl_->levels.back();
    if (level.budget == 0 || level.told < level.budget) return false;
    impl_->refine();
    return true;
}

bool region_book::reopen() {
    if (impl_->dropped.empty()) return false;
    impl_->take(std::move(impl_->dropped.back()));
    impl_->dropped.pop_back();
    impl_->news.emplace_back();
    search_level& level = impl_->levels.back();
    ++level.regions;
    level.share += impl_->open.back().share_of(impl_->domain.axes);
    return true;
}

std::size_t region_book::candidates() const noexcept { return impl_->what.size(); }

std::size_t region_book::turn(std::size_t n) {
    const std::size_t count = impl_->open.size();
    const std::size_t first = impl_->next;
    impl_->next = (first + n % count) % count;
    return first;
}

void region_book::set_exhausted(bool exhausted) noexcept { impl_->book.set_exhausted(exhausted); }
optimizer_counts region_book::counts() const noexcept { return impl_->book.counts(); }
std::vector<search_level> region_book::levels() const { return impl_->levels; }

std::string region_book::state(std::span<const std::string> inner) const {
    const impl& now = *impl_;
    state_writer out("hierarchical_search");
    out.add_all(now.options.budgets).add(std::uint64_t{now.options.parts}).add(now.options.keep);
    now.book.write(out);
    now.told.write(out);
    for (const proposer& p : now.by) out.add(p.serial).add(p.id);
    out.add(now.serials).add(std::uint64_t{now.next}).add(std::uint64_t{now.levels.size()});
    for (const search_level& l : now.levels) {
        out.add(std::uint64_t{l.told}).add(std::uint64_t{l.failed});
        out.add(std::uint64_t{l.regions}).add(l.share);
    }
    out.add(std::uint64_t{now.open.size()}).add(std::uint64_t{now.dropped.size()});
    for (const region& r : now.open) write(out, r);
    for (const region& r : now.dropped) write(out, r);
    for (const std::string& one : inner) out.add_text(one);
    return out.finish();
}

std::vector<std::string> region_book::read(std::string_view state) {
    impl& now = *impl_;
    state_reader in("hierarchical_search", state);
    std::vector<std::size_t> budgets;
    in.read_all(budgets);
    const std::uint64_t parts = in.integer();
    const double keep = in.real();
    if (budgets != now.options.budgets || parts != now.options.parts || keep != now.options.keep) {
        in.fail("belongs to other options");
    }
    now.book.read(in);
    now.told.read(in, now.book);
    now.what.assign(now.book.proposed(), failed);
    for (const auto id : now.book.in_flight()) now.what[id] = in_flight;
    for (std::uint32_t i = 0; i < now.told.size(); ++i) now.what[now.told[i].id] = i;
    for (std::uint32_t id = 0; id < now.what.size(); ++id) {
        now.ids.emplace(now.genes_of(id), id);
        const std::uint64_t serial = in.integer();
        now.by.push_back({serial, in.integer()});
    }
    now.serials = in.integer();
    now.next = in.integer();
    const std::uint64_t levels = in.integer();
    if (levels == 0 || levels > budgets.size() + 1) in.fail("has a wrong number of levels");
    now.levels.assign(levels, {});
    for (std::size_t i = 0; i < levels; ++i) {
        search_level& l = now.levels[i];
        l.budget = i < budgets.size() ? budgets[i] : 0;
        l.told = in.integer();
        l.failed = in.integer();
        l.regions = in.integer();
        l.share = in.real();
    }
    const std::uint64_t open = in.integer();
    const std::uint64_t dropped = in.integer();
    if (open == 0 || open > state.size() || dropped > state.size()) {
        in.fail("has a wrong number of regions");
    }
    now.open.clear();
    for (std::uint64_t i = 0; i < open; ++i) now.open.push_back(now.read_region(in));
    for (std::uint64_t i = 0; i < dropped; ++i) now.dropped.push_back(now.read_region(in));
    now.next %= now.open.size();
    now.news.assign(now.open.size(), {});
    std::vector<std::string> inner;
    for (std::uint64_t i = 0; i < open; ++i) inner.emplace_back(in.text());
    in.finish();
    return inner;
}

}  // namespace lathe::detail
