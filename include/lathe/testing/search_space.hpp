// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the SearchSpace and ElasticSpace concepts, to be called from anybody's own
// tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/search_space/concept.hpp"

namespace lathe::testing {

namespace detail {

template <SearchSpace Space>
class space_check {
public:
    explicit space_check(const Space& space) : space_(space) {}

    [[nodiscard]] std::vector<std::string> run(int members, std::uint64_t seed) {
        const auto empty = [](const axis& a) { return a.options.empty(); };
        if (std::ranges::any_of(space_.axes(), empty)) return {"an axis has no options"};
        if constexpr (ElasticSpace<Space>) {
            const genotype largest = space_.largest();
            attempt(largest, [&] { take_bounds(largest, space_.smallest()); });
        }
        rng random(seed);
        for (int i = 0; i < members; ++i) {
            const genotype g = random_genotype(space_.axes(), random);
            attempt(g, [&] { member(g); });
        }
        refuses_what_does_not_fit(random_genotype(space_.axes(), random));
        return std::move(complaints_);
    }

private:
    /// One sentence for each promise, with the first genotype that breaks it.
    void expect(bool kept, const std::string& breach, const genotype& g) {
        if (!kept && told_.insert(breach).second) {
            complaints_.push_back("genotype " + to_string(g) + ": " + breach);
        }
    }
    template <class Work>
    void attempt(const genotype& g, Work work) {
        try {
            work();
        } catch (const std::exception& e) {
            expect(false, std::string("it is legal, but throws: ") + e.what(), g);
        }
    }
    template <class Visit>
    static void for_each_parameter(const network& net, Visit visit) {
        for (const node& n : net.nodes()) {
            for (const parameter& p : parameters_of(n.operation)) visit(*p.ref);
        }
    }

    void member(const genotype& g) {
        const genotype c = space_.canonical(g);
        const network net = space_.lower(g);
        expect(space_.canonical(c) == c, "canonical() changes its canonical form", g);
        expect(space_.lower(c).identity_hash() == net.identity_hash(),
               "it and its canonical form lower to two networks", g);
        expect(form_of_.try_emplace(net.identity_hash(), c).first->second == c,
               "its network has another canonical form as well", g);
        for_each_parameter(net, [&](const param_ref& p) {
            expect(shape_of_.try_emplace(p.tensor, p.full_shape).first->second == p.full_shape,
                   "tensor '" + p.tensor + "' has two full shapes", g);
        });
        if (largest_) is_within_bounds(net, g);
    }

    void take_bounds(const genotype& largest, const genotype& smallest) {
        expect(space_.canonical(largest) == largest, "largest() is not canonical", largest);
        expect(space_.canonical(smallest) == smallest, "smallest() is not canonical", smallest);
        smallest_ = space_.lower(smallest);
        largest_ = space_.lower(largest);
        for_each_parameter(*largest_, [&](const param_ref& p) {
            shape_of_.try_emplace(p.tensor, p.full_shape);
            of_largest_.insert(p.tensor);
        });
    }
    void is_within_bounds(const network& net, const genotype& g) {
        expect(total_macs(net) <= total_macs(*largest_), "it costs more MACs than largest()", g);
        expect(total_macs(net) >= total_macs(*smallest_), "it costs fewer MACs than smallest()", g);
        for_each_parameter(net, [&](const param_ref& p) {
            expect(of_largest_.contains(p.tensor), "largest() has no tensor '" + p.tensor + "'", g);
        });
    }

    void refuses_what_does_not_fit(genotype g) {
        g.genes.push_back(0);
        refuses(g, "it has a gene too many");
        g.genes.pop_back();
        if (g.genes.empty()) return;
        const std::size_t options = space_.axes().back().size();
        if (options <= std::numeric_limits<std::uint16_t>::max()) {
            g.genes.back() = static_cast<std::uint16_t>(options);
            refuses(g, "its last gene is out of range");
        }
        g.genes.pop_back();
        refuses(g, "it has a gene too few");
    }
    void refuses(const genotype& g, const std::string& why) {
        const std::string breach = why + ", which is not refused as bad_input by ";
        expect(is_bad_input([&] { static_cast<void>(space_.canonical(g)); }),
               breach + "canonical()", g);
        expect(is_bad_input([&] { static_cast<void>(space_.lower(g)); }), breach + "lower()", g);
    }
    template <class Call>
    static bool is_bad_input(Call call) {
        try {
            call();
        } catch (const error& e) {
            return e.code() == errc::bad_input;
        } catch (const std::exception&) {
            return false;
        }
        return false;
    }

    const Space& space_;
    std::optional<network> largest_;
    std::optional<network> smallest_;
    std::set<std::string> of_largest_;  // tensors
    std::map<hash64, genotype> form_of_;
    std::map<std::string, std::vector<std::int64_t>> shape_of_;
    std::set<std::string> told_;
    std::vector<std::string> complaints_;
};

}  // namespace detail

/// Asks `space` about genotypes drawn at random and returns what is wrong with it, one sentence for
/// each promise of SearchSpace (and of ElasticSpace, where the type models it) that is broken:
/// empty means that it conforms. Lowers 2 * members networks.
template <SearchSpace Space>
[[nodiscard]] std::vector<std::string> check_space(const Space& space, int members = 200,
                                                   std::uint64_t seed = 1) {
    return detail::space_check<Space>(space).run(members, seed);
}

}  // namespace lathe::testing
