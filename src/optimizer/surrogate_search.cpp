// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/surrogate_search.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <tuple>

#include "lathe/optimizer/nsga2.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"
#include "optimizer/check_options.hpp"
#include "optimizer/ledger.hpp"
#include "optimizer/population.hpp"
#include "optimizer/promise.hpp"
#include "optimizer/surrogate.hpp"

namespace lathe {
namespace {

constexpr std::size_t inner_population = 64;
constexpr std::size_t inner_generations = 30;
constexpr std::size_t window = 200;          // candidates whose promise is worked out
/// Deviations below the mean that a candidate may hope for: proposals take turns, from trusting the
/// models to looking where they know least.
constexpr double optimism[] = {0.0, 0.5, 1.0, 4.0};
constexpr std::size_t turns = std::size(optimism);
constexpr std::size_t most_options = 1024;   // of an axis: models hold how alike any two of them are
constexpr std::size_t least_to_learn = 8;    // outcomes before a model is worth its name

surrogate_search_options checked(surrogate_search_options o, const search_domain& domain) {
    detail::require_range<std::size_t>("surrogate_search", "initial", o.initial, 0,
                                       std::size_t{1} << 24);
    for (const axis& a : domain.axes) {
        if (a.options.size() > most_options) {
            throw error(errc::bad_input, "surrogate_search",
                        fmt::format("axis '{}' has {} options", a.name, a.options.size()),
                        fmt::format("give at most {}, or use another optimizer", most_options));
        }
    }
    if (o.initial == 0) o.initial = std::clamp<std::size_t>(3 * domain.axes.size(), 16, 64);
    return o;
}

/// What the inner search found: genes and predicted means, the most promising first.
struct candidate {
    std::vector<std::uint16_t> genes;
    std::vector<double> mean;
    double violation = 0.0;
};

/// What is expected of a gain that comes with a probability only; a loss weighs more, the less likely.
double expected(double gain, double chance) {
    constexpr double least = 0x1.0p-20;
    return gain > 0.0 ? gain * chance : gain / std::max(chance, least);
}

/// Objectives that a candidate may hope for, turn by turn.
using hopes = std::array<std::vector<double>, turns>;

}  // namespace

struct surrogate_search::impl {
    search_domain domain;
    surrogate_search_options options;
    detail::ledger book{domain, options.seed, options.first};
    detail::population told{};  // all of it, in order
    std::vector<detail::surrogate> objective{};
    std::optional<detail::surrogate> violation{};
    std::vector<candidate> plan{};
    std::size_t planned_on = 0;

    void make_plan();
    void learn_objectives();
    void learn_violation();
    void search_inside();
    [[nodiscard]] candidate predicted(detail::gene_span genes) const;
    [[nodiscard]] std::vector<hopes> hoped_for(std::span<const detail::gene_span> genotypes) const;
    /// Probabilities of keeping the limits.
    [[nodiscard]] std::vector<double> chances(std::span<const detail::gene_span> genotypes) const;
    [[nodiscard]] bool learnable() const {
        return book.proposed() >= options.initial && told.size() >= least_to_learn;
    }
    void propose_planned(std::size_t n, std::vector<proposal>& out);
};

candidate surrogate_search::impl::predicted(detail::gene_span genes) const {
    candidate c{{genes.begin(), genes.end()}, {}, 0.0};
    for (const auto& model : objective) c.mean.push_back(model.mean(genes));
    if (violation) c.violation = std::max(0.0, violation->mean(genes));
    return c;
}

std::vector<hopes> surrogate_search::impl::hoped_for(
    std::span<const detail::gene_span> genotypes) const {
    std::vector<hopes> hope(genotypes.size());
    for (const auto& model : objective) {
        const auto values = model.hopes(genotypes, optimism);
        for (std::size_t i = 0; i < hope.size(); ++i) {
            for (std::size_t turn = 0; turn < turns; ++turn) {
                hope[i][turn].push_back(values[i * turns + turn]);
            }
        }
    }
    return hope;
}

std::vector<double> surrogate_search::impl::chances(
    std::span<const detail::gene_span> genotypes) const {
    if (!violation) return std::vector<double>(genotypes.size(), 1.0);
    return violation->probability_within(genotypes, 0.0);
}

void surrogate_search::impl::learn_objectives() {
    const std::size_t width = book.objectives();
    if (objective.size() != width) objective.assign(width, detail::surrogate(book.space()));
    for (std::size_t m = 0; m < width; ++m) {
        objective[m].clear();
        double low = std::numeric_limits<double>::infinity(), high = -low;
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (!told.measured(i) || !std::isfinite(told.objectives_of(i)[m])) continue;
            low = std::min(low, told.objectives_of(i)[m]);
            high = std::max(high, told.objectives_of(i)[m]);
        }
        for (std::size_t i = 0; i < told.size() && low <= high; ++i) {
            if (!told.measured(i)) continue;
            // What is infinite counts as the end of what is finite.
            objective[m].add(book.genes_of(told[i].id),
                             std::clamp(told.objectives_of(i)[m], low, high));
        }
    }
    const auto too_few = [](const detail::surrogate& s) { return s.size() < least_to_learn; };
    if (std::ranges::any_of(objective, too_few)) objective.clear();
    for (auto& model : objective) model.learn();
}

void surrogate_search::impl::learn_violation() {
    std::vector<double> above;
    for (std::size_t i = 0; i < told.size(); ++i) {
        const double v = told[i].violation;
        if (v > 0.0 && std::isfinite(v)) above.push_back(v);
    }
    if (above.empty()) {
        violation.reset();
        return;
    }
    const auto middle = above.begin() + static_cast<std::ptrdiff_t>(above.size() / 2);
    std::nth_element(above.begin(), middle, above.end());
    const double typical = *middle;
    if (!violation) violation.emplace(book.space());
    violation->clear();
    for (std::size_t i = 0; i < told.size(); ++i) {
        const double v = told[i].violation;
        // How far inside the limits a feasible candidate lies is not told: a typical distance.
        violation->add(book.genes_of(told[i].id),
                       v > 0.0 ? std::min(v, 4.0 * typical) : -typical);
    }
    violation->learn();
}

void surrogate_search::impl::search_inside() {
    detail::population best = told;
    best.survive(inner_population / 2);
    nsga2_options inner;
    inner.seed = options.seed + 0x9e3779b97f4a7c15ULL * (told.size() + 1);
    inner.population = inner_population;
    for (std::size_t i = 0; i < best.size(); ++i) {
        const auto genes = book.genes_of(best[i].id);
        inner.first.push_back({{genes.begin(), genes.end()}});
    }
    nsga2 search(domain, inner);
    plan.clear();
    for (std::size_t g = 0; g < inner_generations; ++g) {
        std::vector<outcome> outcomes;
        for (const auto& p : search.ask(inner_population)) {
            candidate c = predicted(p.genes.genes);
            outcomes.push_back({p.id, outcome_status::ok, c.mean, c.violation});
            if (objective.empty()) outcomes.back().violation += 1.0;  // only the violation can lead
            plan.push_back(std::move(c));
        }
        if (outcomes.empty()) break;
        search.tell(outcomes);
    }
}

/// A function of what was told: which candidates are new is asked when they are proposed.
void surrogate_search::impl::make_plan() {
    learn_objectives();
    learn_violation();
    search_inside();
    // Predicted feasible ones by front, then the others by violation, then in order of finding.
    std::vector<std::uint32_t> rank(plan.size(), 0);
    const std::size_t width = objective.size();
    if (width > 0 && !plan.empty()) {
        std::vector<double> columns(plan.size() * width);
        for (std::size_t i = 0; i < plan.size(); ++i) {
            for (std::size_t m = 0; m < width; ++m) {
                columns[m * plan.size() + i] =
                    plan[i].violation > 0.0 ? std::numeric_limits<double>::quiet_NaN()
                                            : plan[i].mean[m];
            }
        }
        non_dominated_sorter().rank({columns, plan.size(), width}, rank);
    }
    std::vector<std::size_t> order(plan.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::tuple(rank[a], plan[a].violation, a) < std::tuple(rank[b], plan[b].violation, b);
    });
    std::vector<candidate> sorted;
    for (const auto i : order) sorted.push_back(std::move(plan[i]));
    plan = std::move(sorted);
    planned_on = told.size();
}

void surrogate_search::impl::propose_planned(std::size_t n, std::vector<proposal>& out) {
    if (planned_on != told.size()) make_plan();
    std::erase_if(plan, [&](const candidate& c) { return !book.is_new(c.genes); });
    if (objective.empty()) {
        for (std::size_t i = 0; i < plan.size() && out.size() < n; ++i) book.propose(plan[i].genes, out);
        return;
    }
    detail::promise front(objective.size());
    const auto finite = [](double v) { return std::isfinite(v); };
    for (std::size_t i = 0; i < told.size(); ++i) {
        const auto point = told.objectives_of(i);
        if (told[i].violation == 0.0 && std::ranges::all_of(point, finite)) front.add(point);
    }
    for (const auto id : book.in_flight()) front.expect(predicted(book.genes_of(id)).mean);
    const std::size_t seen = std::min(plan.size(), std::max(window, 2 * n));
    std::size_t next_infeasible = 0;  // feasible ones come first
    std::vector<std::size_t> feasible;
    std::vector<detail::gene_span> genotypes;
    for (; next_infeasible < seen && plan[next_infeasible].violation <= 0.0; ++next_infeasible) {
        feasible.push_back(next_infeasible);
        genotypes.push_back(plan[next_infeasible].genes);
    }
    const auto hope = hoped_for(genotypes);
    const auto chance = chances(genotypes);
    std::vector<double> gain;
    while (out.size() < n) {
        std::size_t next = next_infeasible;
        if (feasible.empty()) {
            if (next_infeasible++ == seen) return;
        } else {
            const std::size_t turn = book.proposed() % turns;
            gain.clear();
            for (const std::size_t i : feasible) {
                gain.push_back(expected(front.of(hope[i][turn]), chance[i]));
            }
            const auto best = feasible.begin() + (std::ranges::max_element(gain) - gain.begin());
            next = *best;
            feasible.erase(best);
        }
        front.expect(plan[next].mean);
        book.propose(plan[next].genes, out);
    }
}

surrogate_search::surrogate_search(search_domain domain, surrogate_search_options options) {
    auto o = checked(std::move(options), domain);
    impl_.reset(new impl{std::move(domain), std::move(o)});
}
surrogate_search::~surrogate_search() = default;
surrogate_search::surrogate_search(surrogate_search&&) noexcept = default;
surrogate_search& surrogate_search::operator=(surrogate_search&&) noexcept = default;

std::vector<proposal> surrogate_search::ask(std::size_t n) {
    auto& book = impl_->book;
    std::vector<proposal> out;
    book.reserve(n, out);
    while (out.size() < n && book.propose_first(out)) {
    }
    while (out.size() < n && !impl_->learnable() && book.propose_random(out)) {
    }
    if (out.size() < n && impl_->learnable()) impl_->propose_planned(n, out);
    while (out.size() < n && book.propose_random(out)) {
    }
    book.set_exhausted(out.size() < n);
    return out;
}

void surrogate_search::tell(std::span<const outcome> outcomes) {
    for (const auto& r : impl_->book.accept(outcomes)) impl_->told.add(r);
}

void surrogate_search::receive(std::span<const immigrant> results) {
    for (const auto& r : impl_->book.receive(results)) impl_->told.add(r);
}

std::string surrogate_search::state() const {
    detail::state_writer out("surrogate_search");
    out.add(std::uint64_t{impl_->options.initial});
    impl_->book.write(out);
    impl_->told.write(out);
    return out.finish();
}

void surrogate_search::restore(std::string_view state) {
    detail::state_reader in("surrogate_search", state);
    in.expect(impl_->options.initial, "belongs to other options");
    auto fresh = std::unique_ptr<impl>(new impl{impl_->domain, impl_->options});
    fresh->book.read(in);
    fresh->told.read(in, fresh->book);
    in.finish();
    impl_ = std::move(fresh);
}

optimizer_counts surrogate_search::counts() const noexcept { return impl_->book.counts(); }

}  // namespace lathe
