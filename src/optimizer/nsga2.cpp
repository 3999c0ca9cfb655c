// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/nsga2.hpp"

#include <algorithm>

#include "optimizer/check_options.hpp"
#include "optimizer/ledger.hpp"
#include "optimizer/population.hpp"
#include "optimizer/variation.hpp"

namespace lathe {
namespace {

constexpr std::size_t most_individuals = std::size_t{1} << 24;
constexpr std::size_t tries = 12;        // matings for one child
constexpr std::size_t plain_tries = 3;   // of them without extra mutations

nsga2_options checked(nsga2_options o) {
    detail::require_range<std::size_t>("nsga2", "population", o.population, 2, most_individuals);
    detail::require_range<std::size_t>("nsga2", "offspring", o.offspring, 0, most_individuals);
    detail::require_range("nsga2", "crossover", o.crossover, 0.0, 1.0);
    detail::require_range("nsga2", "mutations", o.mutations, 0.0, 1e6);
    if (o.offspring == 0) o.offspring = o.population;
    return o;
}

hash64 fingerprint_of(const nsga2_options& o) {
    return detail::fingerprint_of_options(o.population, o.offspring, o.crossover, o.mutations);
}

}  // namespace

struct nsga2::impl {
    search_domain domain;
    nsga2_options options;
    detail::ledger book{domain, options.seed, options.first};
    detail::variation vary{book.space(), options.mutations};
    detail::population parents{};   // and, behind them, those told since the last selection
    std::size_t survivors = 0;      // of the last selection: the first of `parents`
    std::size_t waiting = 0;        // told since then, failures included
    std::vector<std::uint16_t> child{};
    /// Room for the next ask, taken once this one has used up what the caller freed: a large request
    /// before makes the allocator merge the small pieces that it could hand out as they are.
    std::vector<proposal> next{};
    std::uint64_t crossover_of_2_32 = static_cast<std::uint64_t>(options.crossover * 0x1.0p32);

    bool propose(std::vector<proposal>& out) {
        if (book.propose_first(out)) return true;
        return (survivors >= 2 && propose_child(out)) || book.propose_random(out);
    }

    bool propose_child(std::vector<proposal>& out) {
        rng random = book.next_random(detail::draw_for::child);
        for (std::size_t attempt = 0; attempt < tries; ++attempt) {
            const auto a = book.genes_of(parents[tournament(random)].id);
            const std::size_t more = attempt < plain_tries ? 0 : attempt - plain_tries + 1;
            bool differs = false;
            if (random.bits() < crossover_of_2_32) {
                const auto b = book.genes_of(parents[tournament(random)].id);
                differs = vary.cross(a, b, child, random);
                differs = vary.mutate(child, more, random) || differs;
            } else {
                differs = vary.mutated_copy(a, more, child, random);
            }
            if (!differs) {
                book.note_repeat();
            } else if (book.propose(child, out)) {
                return true;
            }
        }
        return false;
    }

    std::size_t tournament(rng& random) const {
        const auto n = static_cast<std::uint32_t>(survivors);
        const std::size_t a = random.below(n);
        std::size_t b = random.below(n - 1);
        b += b >= a ? 1U : 0U;
        const std::size_t contestants[] = {a, b};
        return contestants[better(parents[b], parents[a]) ? 1 : 0];
    }

    void take(const detail::result& r) {
        parents.add(r);
        const std::size_t due = survivors < 2 ? options.population : options.offspring;
        if (++waiting < due) return;
        parents.survive(options.population);
        survivors = parents.size();
        waiting = 0;
    }
};

nsga2::nsga2(search_domain domain, nsga2_options options)
    : impl_(new impl{std::move(domain), checked(std::move(options))}) {}
nsga2::~nsga2() = default;
nsga2::nsga2(nsga2&&) noexcept = default;
nsga2& nsga2::operator=(nsga2&&) noexcept = default;

std::vector<proposal> nsga2::ask(std::size_t n) {
    std::vector<proposal> out = std::exchange(impl_->next, {});
    impl_->book.reserve(n, out);
    while (out.size() < n && impl_->propose(out)) {
    }
    impl_->book.reserve(n, impl_->next);
    impl_->book.set_exhausted(out.size() < n);
    return out;
}

void nsga2::tell(std::span<const outcome> outcomes) {
    for (const auto& r : impl_->book.accept(outcomes)) impl_->take(r);
}

void nsga2::receive(std::span<const immigrant> results) {
    for (const auto& r : impl_->book.receive(results)) impl_->take(r);
}

std::string nsga2::state() const {
    detail::state_writer out("nsga2");
    out.add(fingerprint_of(impl_->options));
    impl_->book.write(out);
    impl_->parents.write(out);
    out.add(std::uint64_t{impl_->survivors}).add(std::uint64_t{impl_->waiting});
    return out.finish();
}

void nsga2::restore(std::string_view state) {
    detail::state_reader in("nsga2", state);
    in.expect(fingerprint_of(impl_->options), "belongs to other options");
    auto fresh = std::make_unique<impl>(impl{impl_->domain, impl_->options});
    fresh->book.read(in);
    fresh->parents.read(in, fresh->book);
    fresh->survivors = std::min<std::size_t>(in.integer(), fresh->parents.size());
    fresh->waiting = in.integer();
    in.finish();
    impl_ = std::move(fresh);
}

optimizer_counts nsga2::counts() const noexcept { return impl_->book.counts(); }

std::vector<std::uint64_t> nsga2::parents() const {
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < impl_->survivors; ++i) ids.push_back(impl_->parents[i].id);
    return ids;
}

}  // namespace lathe
