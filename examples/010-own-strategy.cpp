// SPDX-License-Identifier: Apache-2.0
// A search strategy of one's own: the best network so far with one gene drawn anew. It inherits
// nothing; the four functions that lathe/optimizer/concept.hpp describes make it an Optimizer.
// Short rather than fast. To write another one, start from skeleton/.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <lathe/core/error.hpp>
#include <lathe/core/rng.hpp>
#include <lathe/optimizer/random_search.hpp>
#include <lathe/search/table_problem.hpp>
#include <lathe/testing/optimizer.hpp>
#include <set>
#include <sstream>
#include <tuple>

using namespace lathe;

class hill_climber {
public:
    hill_climber(search_domain domain, std::uint64_t seed) : domain_(domain), seed_(seed) {}
    std::vector<proposal> ask(std::size_t n) {
        std::vector<proposal> asked;
        for (unsigned tries = 0; asked.size() < n && tries < 1000; ++tries) {
            rng random(seed_, genes_.size() << 10 | tries);
            const genotype drawn = random_genotype(domain_.axes, random);
            const std::size_t gene = random.below(static_cast<std::uint32_t>(drawn.genes.size()));
            genotype g = best_ < nothing && random.flip(0.8) ? genes_[std::get<2>(best_)] : drawn;
            g.genes[gene] = drawn.genes[gene];
            if (domain_.canonical) g = domain_.canonical(g);
            if (domain_.members && std::ranges::count(*domain_.members, g) == 0) continue;
            if (std::ranges::count(genes_, g) > 0) continue;
            asked.push_back({genes_.size(), g});
            waiting_.insert(genes_.size());
            genes_.push_back(g);
            tries = 0;
        }
        return asked;
    }
    void tell(std::span<const outcome> outcomes) {
        hill_climber after = *this;  // if one outcome is wrong, none counts
        for (const outcome& o : outcomes) {
            if (after.waiting_.erase(o.id) == 0) throw error(errc::bad_input, "tell", "wrong id");
            const double value = o.objectives.empty() ? 0.0 : o.objectives[0];
            const bool ok = o.status == outcome_status::ok && !std::isnan(value + o.violation);
            if (ok) after.best_ = std::min(after.best_, {o.violation, value, o.id});
        }
        *this = after;
    }
    std::string state() const {
        std::ostringstream text;
        text << std::bit_cast<std::uint64_t>(std::get<0>(best_)) << ' '
             << std::bit_cast<std::uint64_t>(std::get<1>(best_)) << ' ' << std::get<2>(best_);
        for (std::size_t i = 0; i < genes_.size(); ++i)
            text << (waiting_.contains(i) ? " waiting " : " told ") << to_string(genes_[i]);
        return text.str() + ' ' + to_hex(hasher().add(text.str()).value());
    }
    void restore(std::string_view state) {
        hill_climber fresh(domain_, seed_);
        std::istringstream text{std::string(state)};
        std::uint64_t violation = 0, value = 0, id = 0;
        text >> violation >> value >> id;
        fresh.best_ = {std::bit_cast<double>(violation), std::bit_cast<double>(value), id};
        for (std::string how, genes; text >> how >> genes;) {
            if (how == "waiting") fresh.waiting_.insert(fresh.genes_.size());
            fresh.genes_.push_back(parse_genotype(genes, domain_.axes));
        }
        if (fresh.state() != state) throw error(errc::bad_input, "restore", "a damaged state");
        *this = fresh;
    }
private:
    static constexpr std::tuple nothing{HUGE_VAL, 0.0, std::uint64_t{0}};
    search_domain domain_;
    std::uint64_t seed_;
    std::vector<genotype> genes_;  // of every proposal, by id
    std::set<std::uint64_t> waiting_;
    std::tuple<double, double, std::uint64_t> best_ = nothing;  // violation, objective, id
};
static_assert(Optimizer<hill_climber>);

// Mean best value over ten seeds on a table of all 7^4 genotypes with a few hills.
template <class Make>
static double mean_best(const table_problem& problem, Make make) {
    double sum = 0.0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        auto strategy = make(seed);
        sum += *run_on_table(problem, strategy, 150).best_accuracy / 10.0;
    }
    return sum;
}

int main() {
    std::string csv = "arch,quality\n";
    for (int i = 0; i < 7 * 7 * 7 * 7; ++i) {
        const int a = i % 7, b = i / 7 % 7, c = i / 49 % 7, d = i / 343;
        const double quality = 90 - (a - 3) * (a - 3) - 2 * std::abs(b - a) - (c * d % 5) - d;
        for (const int gene : {a, b, c, d}) csv += static_cast<char>('0' + gene);
        csv += ',' + std::to_string(quality) + '\n';
    }
    const table_problem problem(parse_csv(csv, "hills"), {.accuracy = "quality"});
    const auto make = [&](std::uint64_t seed) { return hill_climber(problem.domain(), seed); };
    for (const auto& flaw :
         testing::optimizer_check(problem.domain(), [&] { return make(1); }).run()) {
        std::printf("%s\n", flaw.c_str());
        return 1;
    }
    const double climbed = mean_best(problem, make);
    const double drawn = mean_best(problem, [&](std::uint64_t seed) {
        return random_search(problem.domain(), {.seed = seed});
    });
    std::printf("best of 150: hill_climber %.2f, random_search %.2f\n", climbed, drawn);
    return climbed > drawn ? 0 : 1;
}
