// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/islands.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

/// A user's own optimizer that cannot receive, and counts what it is told.
class closed_search {
public:
    explicit closed_search(const search_domain& d, std::uint64_t seed = 1)
        : inner_(d, {.seed = seed}) {}
    std::vector<proposal> ask(std::size_t n) { return inner_.ask(n); }
    void tell(std::span<const outcome> outcomes) { inner_.tell(outcomes); }
    [[nodiscard]] std::string state() const { return inner_.state(); }
    void restore(std::string_view s) { inner_.restore(s); }
    [[nodiscard]] optimizer_counts counts() const { return inner_.counts(); }

private:
    random_search inner_;
};
static_assert(Optimizer<closed_search> && !ReceivingOptimizer<closed_search>);

/// Keeps what it receives and proposes what it is told to.
class scripted {
public:
    explicit scripted(std::vector<genotype> script) : script_(std::move(script)) {}
    std::vector<proposal> ask(std::size_t n) {
        std::vector<proposal> out;
        while (out.size() < n && next_ < script_.size()) {
            out.push_back({100 + next_, script_[next_]});
            ++next_;
        }
        return out;
    }
    void tell(std::span<const outcome> outcomes) {
        told.insert(told.end(), outcomes.begin(), outcomes.end());
    }
    void receive(std::span<const immigrant> results) {
        received.insert(received.end(), results.begin(), results.end());
    }
    [[nodiscard]] static std::string state() { return ""; }
    static void restore(std::string_view) {}

    std::vector<outcome> told;
    std::vector<immigrant> received;

private:
    std::vector<genotype> script_;
    std::size_t next_ = 0;
};
static_assert(ReceivingOptimizer<scripted>);

using mixed = islands<nsga2, regularized_evolution, random_search, closed_search>;

mixed make_mixed(const search_domain& d) {
    std::vector<mixed::island> all;
    all.emplace_back(nsga2(d, {.seed = 1, .population = 8}));
    all.emplace_back(closed_search(d, 2));
    all.emplace_back(regularized_evolution(d, {.seed = 3, .population = 8, .tournament = 3}));
    all.emplace_back(random_search(d, {.seed = 4}));
    return mixed(std::move(all), {.every = 16, .migrants = 3});
}

islands<nsga2> make_equal(const search_domain& d, std::size_t count) {
    std::vector<std::variant<nsga2>> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.emplace_back(nsga2(d, {.seed = 10 + i, .population = 6}));
    }
    return islands(std::move(all), {.every = 10, .migrants = 2});
}

template <class O>
void run(O& optimizer, const search_domain& d, int steps, std::size_t batch) {
    const testing::toy_problem problem{2, 0.1, 0.2};
    for (int step = 0; step < steps; ++step) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(batch)) told.push_back(problem.evaluate(p, d.axes));
        optimizer.tell(told);
    }
}

}  // namespace

TEST_CASE("islands conform, of one kind and of several") {
    const std::vector<testing::toy_problem> problems = {
        {2, 0.0, 0.0}, {1, 0.2, 0.0}, {3, 0.1, 0.5}, {2, 0.0, 1.0}};
    for (const auto& space : {grid({5, 5, 5, 5, 5, 5}, axis_kind::categorical), depth_space(5, 4),
                              table_space(), grid({3, 2}), grid(std::vector<std::size_t>(200, 2))}) {
        for (const auto& problem : problems) {
            INFO("axes " << space.axes.size() << " objectives " << problem.objectives);
            const auto several = [&] { return make_mixed(space); };
            const auto equal = [&] { return make_equal(space, 3); };
            CHECK(testing::optimizer_check(space, several, problem).run().empty());
            CHECK(testing::optimizer_check(space, equal, problem).run().empty());
        }
    }
}

TEST_CASE("the best go round the ring, and only to islands that can receive") {
    const auto d = grid({6, 6, 6, 6});
    auto search = make_mixed(d);
    run(search, d, 30, 8);
    const auto& all = search.members();
    CHECK(std::get<nsga2>(all[0]).counts().received > 0);
    CHECK(std::get<closed_search>(all[1]).counts().received == 0);
    CHECK(std::get<regularized_evolution>(all[2]).counts().received > 0);
    CHECK(std::get<random_search>(all[3]).counts().received > 0);
    CHECK(search.counts().told == 240);
}

TEST_CASE("one migration, by hand") {
    const auto g = [](std::uint16_t a) { return genotype{{a}}; };
    std::vector<std::variant<scripted>> all;
    all.emplace_back(scripted({g(0), g(1), g(2)}));
    all.emplace_back(scripted({g(3), g(0), g(4)}));  // repeats a candidate of the other
    islands search(std::move(all), {.every = 4, .migrants = 1});
    const auto first = search.ask(2);
    REQUIRE(first == std::vector<proposal>{{0, g(0)}, {1, g(3)}});
    search.tell(std::vector<outcome>{{1, outcome_status::ok, {5.0}, 0.0},
                                     {0, outcome_status::ok, {7.0}, 0.0}});
    const auto second = search.ask(2);
    REQUIRE(second == std::vector<proposal>{{2, g(1)}, {3, g(4)}});
    CHECK(search.counts().duplicates == 1);
    const auto& one = std::get<scripted>(search.members()[0]);
    const auto& other = std::get<scripted>(search.members()[1]);
    REQUIRE(other.told.size() == 2);  // its repeat was answered at once, under its own id
    CHECK(other.told[1].id == 101);
    CHECK(other.told[1].objectives == std::vector<double>{7.0});
    CHECK(one.received.empty());
    search.tell(std::vector<outcome>{{2, outcome_status::ok, {4.0}, 0.0},
                                     {3, outcome_status::failed, {}, 0.0}});
    REQUIRE(one.received.size() == 1);
    CHECK(one.received[0].genes == g(3));  // 5 is the best of the second island
    REQUIRE(other.received.size() == 1);
    CHECK(other.received[0].genes == g(1));
    CHECK(search.ask(5).size() == 1);  // genotype 2; then both are exhausted
    CHECK(search.counts().exhausted);
}

TEST_CASE("a candidate in flight on two islands is evaluated once and told to both") {
    const genotype g{{1}};
    std::vector<std::variant<scripted>> all;
    all.emplace_back(scripted({g}));
    all.emplace_back(scripted({g}));
    islands search(std::move(all));
    const auto asked = search.ask(2);
    REQUIRE(asked.size() == 1);
    search.tell(std::vector<outcome>{{asked[0].id, outcome_status::ok, {1.0}, 0.0}});
    for (const auto& one : search.members()) CHECK(std::get<scripted>(one).told.size() == 1);
    CHECK_THROWS_WITH(search.tell(std::vector<outcome>{{0, outcome_status::ok, {1.0}, 0.0}}),
                      Catch::Contains("told before"));
}

TEST_CASE("islands search a small space to its end, each member once") {
    const auto d = grid({5, 5, 2});
    auto search = make_mixed(d);
    std::set<genotype> seen;
    for (int step = 0; step < 20; ++step) {
        std::vector<outcome> told;
        for (const auto& p : search.ask(7)) {
            CHECK(seen.insert(p.genes).second);
            told.push_back({p.id, outcome_status::ok, {1.0}, 0.0});
        }
        search.tell(told);
    }
    CHECK(seen.size() == 50);
    CHECK(search.counts().exhausted);
    CHECK(search.counts().duplicates > 0);
}

TEST_CASE("islands refuse what makes no sense") {
    const auto d = grid({5, 5});
    CHECK_THROWS_AS(make_equal(d, 0), error);
    std::vector<std::variant<random_search>> all;
    all.emplace_back(random_search(d));
    CHECK_THROWS_WITH(islands(std::move(all), {.every = 0}), Catch::Contains("islands.every"));
    auto three = make_equal(d, 3);
    CHECK_THROWS_WITH(three.restore(make_equal(d, 2).state()), Catch::Contains("number of islands"));
    // An island's own refusal leaves the others as they were.
    auto other_seed = make_equal(d, 3);
    run(other_seed, d, 2, 6);
    std::vector<std::variant<nsga2>> last_differs;
    for (const std::uint64_t seed : {10U, 11U, 99U}) {
        last_differs.emplace_back(nsga2(d, {.seed = seed, .population = 6}));
    }
    islands stranger(std::move(last_differs), {.every = 10, .migrants = 2});
    const std::string before = stranger.state();
    CHECK_THROWS_WITH(stranger.restore(other_seed.state()), Catch::Contains("seed"));
    CHECK(stranger.state() == before);
}

namespace {

template <class O>
void check_receiving(O optimizer, int steps = 40) {
    const auto asked = optimizer.ask(2);
    REQUIRE(asked.size() == 2);
    const genotype fresh = asked[0].genes.genes[1] == 4 || asked[1].genes.genes[1] == 4
                               ? genotype{{4, 2, 2, 2, 2}}
                               : genotype{{4, 4, 4, 4, 4}};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<immigrant> results = {
        {asked[0].genes, {1.0, 2.0}, 0.0},         // in flight here
        {{{9, 0, 0, 0, 0}}, {1.0, 2.0}, 0.0},      // not on the axes
        {{{0, 0, 0}}, {1.0, 2.0}, 0.0},            // too short
        {{{0, 3, 3, 3, 3}}, {1.0, 2.0}, 0.0},      // not canonical
        {{{4, 3, 0, 0, 0}}, {nan, 2.0}, 0.0},      // says nothing
        {fresh, {1.0, 2.0}, 0.0},
        {fresh, {1.0, 2.0}, 0.0}};                 // twice
    optimizer.receive(results);
    CHECK(optimizer.counts().received == 1);
    CHECK(optimizer.counts().asked == 2);
    CHECK(optimizer.counts().told == 0);

    const std::string before = optimizer.state();
    const std::vector<immigrant> narrow = {{{{4, 0, 3, 0, 3}}, {1.0}, 0.0}};
    CHECK_THROWS_WITH(optimizer.receive(narrow), Catch::Contains("1 objectives"));
    CHECK_THROWS_WITH(optimizer.tell(std::vector<outcome>{{2, outcome_status::ok, {1.0, 2.0}, 0.0}}),
                      Catch::Contains("never asked"));
    CHECK(optimizer.state() == before);
    for (int i = 0; i < steps; ++i) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(4)) {
            CHECK(p.genes != fresh);
            told.push_back({p.id, outcome_status::ok, {1.0 * p.genes.genes[1], 2.0}, 0.0});
        }
        optimizer.tell(told);
        const std::string state = optimizer.state();
        optimizer.restore(state);
        CHECK(optimizer.counts().received == 1);
    }
}

}  // namespace

TEST_CASE("every shipped optimizer receives what is new to it and passes over the rest") {
    const auto d = depth_space(4, 5);
    check_receiving(random_search(d, {.seed = 1}));
    check_receiving(nsga2(d, {.seed = 2, .population = 6}));
    check_receiving(regularized_evolution(d, {.seed = 3, .population = 6, .tournament = 3}));
    check_receiving(local_search(d, {.seed = 4}));
    check_receiving(surrogate_search(d, {.seed = 5, .initial = 8}), 5);
}

TEST_CASE("a received result becomes a parent") {
    const auto d = grid(std::vector<std::size_t>(12, 10));
    nsga2 search(d, {.seed = 5, .population = 4, .crossover = 0.0});
    const genotype best{std::vector<std::uint16_t>(12, 7)};
    std::vector<outcome> told;
    for (const auto& p : search.ask(3)) told.push_back({p.id, outcome_status::ok, {9.0}, 0.0});
    search.tell(told);
    search.receive(std::vector<immigrant>{{best, {1.0}, 0.0}});
    CHECK(search.parents().size() == 4);  // the fourth result completes the population
    std::size_t near = 0;
    for (const auto& p : search.ask(20)) {
        std::size_t equal = 0;
        for (const auto gene : p.genes.genes) equal += gene == 7 ? 1U : 0U;
        near += equal >= 9 ? 1U : 0U;
    }
    CHECK(near >= 5);
}
