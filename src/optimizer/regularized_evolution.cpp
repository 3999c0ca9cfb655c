// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/regularized_evolution.hpp"

#include "optimizer/check_options.hpp"
#include "optimizer/ledger.hpp"
#include "optimizer/population.hpp"
#include "optimizer/variation.hpp"

namespace lathe {
namespace {

constexpr std::size_t most_individuals = std::size_t{1} << 24;
constexpr std::size_t tries = 24;  // children before a random member is taken

regularized_evolution_options checked(regularized_evolution_options o) {
    constexpr auto* name = "regularized_evolution";
    detail::require_range<std::size_t>(name, "population", o.population, 2, most_individuals);
    detail::require_range<std::size_t>(name, "tournament", o.tournament, 2, o.population);
    detail::require_range(name, "mutations", o.mutations, 0.0, 1e6);
    return o;
}

hash64 fingerprint_of(const regularized_evolution_options& o) {
    return detail::fingerprint_of_options(o.population, o.tournament, o.mutations);
}

}  // namespace

struct regularized_evolution::impl {
    search_domain domain;
    regularized_evolution_options options;
    detail::ledger book{domain, options.seed, options.first};
    detail::variation vary{book.space(), options.mutations};
    detail::population living{};  // by age, the oldest first
    std::vector<std::uint16_t> child{};

    /// Until as many were told as the population holds, members are drawn at random.
    bool propose(std::vector<proposal>& out) {
        if (book.propose_first(out)) return true;
        return (living.size() == options.population && propose_child(out)) ||
               book.propose_random(out);
    }

    bool propose_child(std::vector<proposal>& out) {
        rng random = book.next_random(detail::draw_for::child);
        for (std::size_t attempt = 0; attempt < tries; ++attempt) {
            const auto parent = book.genes_of(living[tournament(random)].id);
            if (!vary.mutated_copy(parent, attempt / 4, child, random)) {
                book.note_repeat();
            } else if (book.propose(child, out)) {
                return true;
            }
        }
        return false;
    }

    void join(std::span<const detail::result> newborn) {
        for (const auto& r : newborn) living.add(r);
        living.keep_youngest(options.population);
        living.rank();
    }

    std::size_t tournament(rng& random) const {
        const auto n = static_cast<std::uint32_t>(living.size());
        std::size_t best = random.below(n);
        for (std::size_t i = 1; i < options.tournament; ++i) {
            const std::size_t other = random.below(n);
            if (better(living[other], living[best])) best = other;
        }
        return best;
    }
};

regularized_evolution::regularized_evolution(search_domain domain,
                                             regularized_evolution_options options)
    : impl_(new impl{std::move(domain), checked(std::move(options))}) {}
regularized_evolution::~regularized_evolution() = default;
regularized_evolution::regularized_evolution(regularized_evolution&&) noexcept = default;
regularized_evolution& regularized_evolution::operator=(regularized_evolution&&) noexcept = default;

std::vector<proposal> regularized_evolution::ask(std::size_t n) {
    std::vector<proposal> out;
    impl_->book.reserve(n, out);
    while (out.size() < n && impl_->propose(out)) {
    }
    impl_->book.set_exhausted(out.size() < n);
    return out;
}

void regularized_evolution::tell(std::span<const outcome> outcomes) {
    impl_->join(impl_->book.accept(outcomes));
}

void regularized_evolution::receive(std::span<const immigrant> results) {
    impl_->join(impl_->book.receive(results));
}

std::string regularized_evolution::state() const {
    detail::state_writer out("regularized_evolution");
    out.add(fingerprint_of(impl_->options));
    impl_->book.write(out);
    impl_->living.write(out);
    return out.finish();
}

void regularized_evolution::restore(std::string_view state) {
    detail::state_reader in("regularized_evolution", state);
    in.expect(fingerprint_of(impl_->options), "belongs to other options");
    auto fresh = std::make_unique<impl>(impl{impl_->domain, impl_->options});
    fresh->book.read(in);
    fresh->living.read(in, fresh->book);
    in.finish();
    impl_ = std::move(fresh);
}

optimizer_counts regularized_evolution::counts() const noexcept { return impl_->book.counts(); }

}  // namespace lathe
