// SPDX-License-Identifier: Apache-2.0
// A search strategy to start from. The bookkeeping is done; choose() is where the idea goes, and as
// it stands it draws at random. lathe/optimizer/concept.hpp says what the functions promise.
#pragma once

#include <algorithm>
#include <bit>
#include <lathe/core/error.hpp>
#include <lathe/core/rng.hpp>
#include <lathe/optimizer/concept.hpp>
#include <optional>
#include <set>
#include <sstream>

class strategy {
public:
    explicit strategy(lathe::search_domain domain, std::uint64_t seed = 1)
        : domain_(std::move(domain)), seed_(seed) {
        if (domain_.members) members_ = {domain_.members->begin(), domain_.members->end()};
    }

    std::vector<lathe::proposal> ask(std::size_t n) {
        std::vector<lathe::proposal> asked;
        while (asked.size() < n) {
            const std::optional<lathe::genotype> fresh = new_member();
            if (!fresh) break;
            asked.push_back({trials_.size(), *fresh});
            trials_.push_back({*fresh, std::nullopt});
            seen_.insert(*fresh);
        }
        return asked;
    }

    void tell(std::span<const lathe::outcome> outcomes) {
        std::set<std::uint64_t> ids;
        for (const lathe::outcome& o : outcomes) {
            if (o.id >= trials_.size() || trials_[o.id].result || !ids.insert(o.id).second) {
                throw lathe::error(lathe::errc::bad_input, "strategy::tell",
                                   "id " + std::to_string(o.id) + " is not waited for",
                                   "tell each proposal once");
            }
        }
        for (const lathe::outcome& o : outcomes) trials_[o.id].result = o;
    }

    std::string state() const {
        std::ostringstream text;
        for (const trial& t : trials_) {
            text << "trial " << to_string(t.genes) << ' ' << t.result.has_value() << ' ';
            if (!t.result) continue;
            text << (t.result->status == lathe::outcome_status::ok) << ' '
                 << std::bit_cast<std::uint64_t>(t.result->violation) << ' '
                 << t.result->objectives.size() << ' ';
            for (const double v : t.result->objectives) {
                text << std::bit_cast<std::uint64_t>(v) << ' ';
            }
        }
        return text.str() + lathe::to_hex(lathe::hasher().add(text.str()).value());
    }

    void restore(std::string_view state) {
        strategy fresh(domain_, seed_);
        std::istringstream text{std::string(state)};
        for (std::string word; text >> word && word == "trial";) fresh.read_trial(text);
        if (fresh.state() != state) {
            throw lathe::error(lathe::errc::bad_input, "strategy::restore", "the state is damaged");
        }
        *this = std::move(fresh);
    }

private:
    struct trial {
        lathe::genotype genes;
        std::optional<lathe::outcome> result;  // none while it is being evaluated
    };

    /// The idea: any genotype on the axes. trials_ holds everything that was proposed and told.
    /// Take random numbers from `random` alone, so that equal calls give equal proposals.
    lathe::genotype choose(lathe::rng& random) const {
        return random_genotype(domain_.axes, random);
    }

    /// What choose() gives, in canonical form, until it is a member that was never proposed.
    std::optional<lathe::genotype> new_member() const {
        lathe::rng random(seed_, trials_.size());
        for (int tries = 0; tries < 1000; ++tries) {
            lathe::genotype g = choose(random);
            if (domain_.canonical) g = domain_.canonical(g);
            if (!seen_.contains(g) && (!domain_.members || members_.contains(g))) return g;
        }
        return std::nullopt;
    }

    void read_trial(std::istringstream& text) {
        std::string genes;
        bool told = false, ok = false;
        text >> genes >> told;
        trial t{lathe::parse_genotype(genes, domain_.axes), std::nullopt};
        if (told) {
            std::uint64_t violation = 0, objectives = 0, bits = 0;
            text >> ok >> violation >> objectives;
            const auto status = ok ? lathe::outcome_status::ok : lathe::outcome_status::failed;
            t.result = {trials_.size(), status, {}, std::bit_cast<double>(violation)};
            while (objectives-- > 0 && text >> bits) {
                t.result->objectives.push_back(std::bit_cast<double>(bits));
            }
        }
        seen_.insert(t.genes);
        trials_.push_back(std::move(t));
    }

    lathe::search_domain domain_;
    std::uint64_t seed_;
    std::set<lathe::genotype> members_;  // of a table; empty where all genotypes are members
    std::set<lathe::genotype> seen_;
    std::vector<trial> trials_;  // by id
};
static_assert(lathe::Optimizer<strategy>);
