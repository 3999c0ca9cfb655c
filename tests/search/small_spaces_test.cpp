// SPDX-License-Identifier: Apache-2.0
// Spaces in which something is missing: every strategy ends on each of them, and the cause is named.
#include <catch2/catch.hpp>

#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lathe/search/study.hpp"
#include "search/strategies.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// Any axes; a network of 2 + 2 (1 + sum of the genes) parameters.
class sum_space {
public:
    explicit sum_space(const std::vector<std::uint32_t>& sizes,
                       axis_kind kind = axis_kind::ordinal,
                       std::function<genotype(genotype)> form = {})
        : form_(std::move(form)) {
        for (const std::uint32_t n : sizes) {
            axes_.push_back({"a" + std::to_string(axes_.size()), kind, {}});
            for (std::uint32_t i = 0; i < n; ++i) axes_.back().options.push_back(std::to_string(i));
        }
    }
    [[nodiscard]] const std::vector<axis>& axes() const { return axes_; }
    [[nodiscard]] genotype canonical(const genotype& g) const { return form_ ? form_(g) : g; }
    [[nodiscard]] network lower(const genotype& g) const {
        std::int64_t in = 1;
        for (const auto gene : g.genes) in += gene;
        network_builder b;
        const value_id x = b.input("x", vector_type(in));
        const value_id y = b.add(
            "fc", linear_op{leading("w", {2, 1 << 17}, {2, in}), whole("b", {2})}, {x});
        b.output(y, output_role::logits);
        return std::move(b).build();
    }

private:
    std::vector<axis> axes_;
    std::function<genotype(genotype)> form_;
};
static_assert(SearchSpace<sum_space>);

using quality_function = std::function<double(const genotype&)>;

double gene_sum(const genotype& g) {
    double sum = 0.0;
    for (const auto gene : g.genes) sum += gene;
    return sum;
}

double better_when_larger(const genotype& g) { return 0.5 + 0.001 * gene_sum(g); }
double all_equal(const genotype&) { return 0.5; }
double not_a_number(const genotype&) { return std::numeric_limits<double>::quiet_NaN(); }
double always_throws(const genotype&) { throw std::runtime_error("no data"); }
double only_the_smallest(const genotype& g) {
    return gene_sum(g) == 0.0 ? 0.7 : std::numeric_limits<double>::infinity();
}

struct expectation {
    stop_reason why = stop_reason::exhausted;
    std::optional<std::size_t> members = std::nullopt;  ///< looked at
    std::size_t failed = 0;
    verdict found = verdict::feasible;
    std::string cause = {};  ///< in the explanation or in a failure's message
};

struct small_case {
    std::string name;
    sum_space space;
    quality_function quality;
    std::string limit;  ///< on parameters
    expectation expected;
};

/// The shapes of spaces with their numbers of members.
struct shape {
    std::string name;
    sum_space space;
    std::size_t members;
};

std::vector<shape> shapes() {
    const auto collapse = [](genotype g) {
        for (auto& gene : g.genes) gene = 0;
        return g;
    };
    const auto first_rules = [](genotype g) {
        if (g.genes[0] == 0) {
            for (auto& gene : g.genes) gene = 0;
        }
        return g;
    };
    return {{"no axes", sum_space({}), 1},
            {"one member", sum_space({1}), 1},
            {"one member on three axes", sum_space({1, 1, 1}), 1},
            {"two members", sum_space({2}), 2},
            {"two members among fixed axes", sum_space({1, 2, 1}), 2},
            {"two kinds", sum_space({2, 2}, axis_kind::categorical), 4},
            {"one long axis", sum_space({30}), 30},
            {"one member under 64 genotypes", sum_space({4, 4, 4}, axis_kind::ordinal, collapse), 1},
            {"mostly aliases", sum_space({2, 3, 3}, axis_kind::categorical, first_rules), 10}};
}

std::vector<small_case> cases() {
    std::vector<small_case> all;
    const auto none = verdict::infeasible;
    for (const shape& s : shapes()) {
        const std::size_t n = s.members;
        all.push_back({s.name, s.space, better_when_larger, "<= 1M",
                       {stop_reason::exhausted, n, 0, verdict::feasible, ""}});
        all.push_back({s.name + ", equal objectives", s.space, all_equal, "<= 1M",
                       {stop_reason::exhausted, n, 0, verdict::feasible, ""}});
        // The smallest member has 4 parameters: 3 is one unit too few, 4 just enough.
        all.push_back({s.name + ", infeasible by one unit", s.space, better_when_larger, "<= 3",
                       {stop_reason::exhausted, n, 0, none, "parameters <= 3"}});
        all.push_back({s.name + ", feasible to the unit", s.space, better_when_larger, "<= 4",
                       {stop_reason::exhausted, n, 0, verdict::feasible, ""}});
        all.push_back({s.name + ", no number", s.space, not_a_number, "<= 1M",
                       {stop_reason::exhausted, n, n, none, "accuracy is nan"}});
    }
    all.push_back({"every evaluation throws", sum_space({3, 3}), always_throws, "<= 1M",
                   {stop_reason::exhausted, 9, 9, none, "no data"}});
    all.push_back({"one success", sum_space({3, 3}), only_the_smallest, "<= 1M",
                   {stop_reason::exhausted, 9, 8, verdict::feasible, ""}});
    const std::vector<std::uint32_t> bits(200, 2);
    all.push_back({"2^200 members", sum_space(bits), better_when_larger, "<= 1M",
                   {stop_reason::evaluations, 40, 0, verdict::feasible, ""}});
    all.push_back({"2^200 equal members", sum_space(bits), all_equal, "<= 1M",
                   {stop_reason::evaluations, 40, 0, verdict::feasible, ""}});
    all.push_back({"2^200 infeasible members", sum_space(bits), better_when_larger, "<= 3",
                   {stop_reason::refusals, std::nullopt, 0, none, "parameters <= 3"}});
    all.push_back({"2^200 failures", sum_space(bits), not_a_number, "<= 1M",
                   {stop_reason::evaluations, 40, 40, none, "accuracy is nan"}});
    all.push_back({"1000 options", sum_space({1000}), better_when_larger, "<= 1M",
                   {stop_reason::evaluations, 40, 0, verdict::feasible, ""}});
    return all;
}

template <class Make>
void check_case(const small_case& c, const Make& make) {
    auto strategy = make(domain_of(c.space));
    toy::size_model size;
    auto judge = evaluator_of<accuracy>([&](const candidate& k) { return c.quality(k.genes); });
    const auto goals = typed_goals<>()
                           .in("edge", {1, 1, 1})
                           .template optimize<accuracy>()
                           .template optimize<parameters>()
                           .template limit<parameters>("edge", c.limit);
    study s(c.space, judge, strategy, goals, {.batch = 8, .reference = {}}, size);
    const stop_reason why = s.run({.evaluations = 40, .refusals = 60});
    CHECK(to_string(why) == to_string(c.expected.why));
    if (c.expected.members) CHECK(s.ledger().trials().size() == *c.expected.members);
    CHECK(s.ledger().count(trial_status::failed) == c.expected.failed);
    std::set<genotype> seen;
    for (const trial& t : s.ledger().trials()) CHECK(seen.insert(t.genes).second);
    const scenario_choice choice = s.choose().at(0);
    CHECK(choice.verdict == c.expected.found);
    std::string told = choice.explanation;
    for (const trial& t : s.ledger().trials()) told += " " + t.message;
    CHECK_THAT(told, Contains(c.expected.cause));
}

TEST_CASE("forty and more small spaces: every strategy ends on each, and the cause is named") {
    const auto all = cases();
    REQUIRE(all.size() >= 40);
    for (const small_case& c : all) {
        toy::for_each_strategy([&](const char* name, auto make) {
            INFO(c.name << " by " << name);
            check_case(c, make);
        });
    }
}

TEST_CASE("a space that is empty is refused by name, by every strategy") {
    const sum_space empty_axis({3, 0, 2});
    search_domain no_rows = domain_of(empty_axis);
    no_rows.axes[1] = no_rows.axes[0];
    no_rows.members.emplace();
    toy::for_each_strategy([&](const char* name, auto make) {
        INFO(name);
        CHECK_THROWS_WITH(make(domain_of(empty_axis)), Contains("axis 'a1'") && Contains("0 options"));
        CHECK_THROWS_WITH(make(no_rows), Contains("no member"));
    });
}

TEST_CASE("an axis with more options than can be compared pairwise is refused by surrogate_search") {
    const sum_space space({65535});
    CHECK_THROWS_WITH(surrogate_search(domain_of(space)), Contains("'a0' has 65535 options"));
    CHECK(nsga2(domain_of(space)).ask(10).size() == 10);
}

}  // namespace
}  // namespace lathe
