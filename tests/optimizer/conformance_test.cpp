// SPDX-License-Identifier: Apache-2.0
// Every shipped optimizer keeps the contract of its concept, on several kinds of space.
#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "lathe/testing/optimizer.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;
using complaints = std::vector<std::string>;

namespace {

std::vector<search_domain> spaces() {
    std::vector<search_domain> all = {grid({5, 5, 5, 5, 5, 5}, axis_kind::categorical),
                                      grid({64, 64, 2, 1, 9}), depth_space(5, 4), table_space(),
                                      grid({3, 2})};
    all.push_back(grid(std::vector<std::size_t>(200, 2)));
    return all;
}

std::vector<testing::toy_problem> problems() {
    return {{2, 0.0, 0.0}, {1, 0.2, 0.0}, {3, 0.1, 0.5}, {2, 0.0, 1.0}};
}

template <class Make>
void check_all(Make make) {
    for (const auto& space : spaces()) {
        for (const auto& problem : problems()) {
            INFO("axes " << space.axes.size() << " objectives " << problem.objectives);
            auto make_here = [&] { return make(space); };
            CHECK(testing::optimizer_check(space, make_here, problem).run() == complaints{});
        }
    }
}

}  // namespace

TEST_CASE("random_search conforms") {
    check_all([](const search_domain& d) {
        return random_search(d, {.seed = 3, .first = {genotype{d.members ? d.members->front().genes
                                     : std::vector<std::uint16_t>(d.axes.size(), 0)}}});
    });
}

TEST_CASE("nsga2 conforms, generational and steady state") {
    check_all([](const search_domain& d) { return nsga2(d, {.seed = 4, .population = 12}); });
    check_all([](const search_domain& d) {
        return nsga2(d, {.seed = 5, .population = 9, .offspring = 1});
    });
    check_all([](const search_domain& d) { return nsga2(d, {.seed = 5, .population = 2}); });
}

TEST_CASE("regularized_evolution conforms") {
    check_all([](const search_domain& d) {
        return regularized_evolution(d, {.seed = 6, .population = 10, .tournament = 3});
    });
}

TEST_CASE("local_search conforms") {
    check_all([](const search_domain& d) { return local_search(d, {.seed = 8}); });
}

TEST_CASE("surrogate_search conforms") {
    for (const auto& space : {grid({5, 5, 5}, axis_kind::categorical), depth_space(4, 3),
                              table_space()}) {
        for (const auto& problem : problems()) {
            INFO("axes " << space.axes.size() << " objectives " << problem.objectives);
            auto make = [&] { return surrogate_search(space, {.seed = 7, .initial = 10}); };
            CHECK(testing::optimizer_check(space, make, problem, 9).run() == complaints{});
        }
    }
}

namespace {

/// Breaks the contract in a way of choice; the checks must notice.
class faulty {
public:
    enum class fault { none, repeats, ignores_order, forgets, accepts_all, lazy, greedy, throws };
    explicit faulty(fault f) : fault_(f), inner_(grid({5, 5, 5, 5, 5, 5}), {.seed = 1}) {}

    std::vector<proposal> ask(std::size_t n) {
        if (fault_ == fault::lazy) n = std::min<std::size_t>(n, 1);
        if (fault_ == fault::greedy && n > 0) ++n;
        if (fault_ == fault::throws && ++calls_ > 3) throw std::runtime_error("out of ideas");
        auto out = inner_.ask(n);
        if (fault_ == fault::repeats && !out.empty()) out.back().genes = first_;
        if (fault_ == fault::ignores_order && !out.empty()) out.back().genes.genes[0] = order_ % 5U;
        if (fault_ == fault::forgets && !out.empty()) out.back().genes.genes[0] = calls_++ % 5U;
        return out;
    }
    void tell(std::span<const outcome> outcomes) {
        if (!outcomes.empty()) order_ = static_cast<std::uint16_t>(outcomes.front().id);
        if (fault_ != fault::accepts_all) inner_.tell(outcomes);
    }
    [[nodiscard]] std::string state() const { return inner_.state(); }
    void restore(std::string_view s) { inner_.restore(s); }

private:
    fault fault_;
    random_search inner_;
    genotype first_{std::vector<std::uint16_t>(6, 0)};
    std::uint16_t order_ = 0;
    std::uint16_t calls_ = 0;
};

complaints about(faulty::fault f) {
    return testing::optimizer_check(grid({5, 5, 5, 5, 5, 5}), [&] { return faulty(f); }).run();
}

}  // namespace

TEST_CASE("the conformance checks find what they are for") {
    CHECK(about(faulty::fault::none).empty());
    CHECK_FALSE(about(faulty::fault::repeats).empty());
    CHECK_FALSE(about(faulty::fault::ignores_order).empty());
    CHECK_FALSE(about(faulty::fault::forgets).empty());
    CHECK_FALSE(about(faulty::fault::accepts_all).empty());
    const auto first = [](faulty::fault f) {
        const complaints all = about(f);
        return all.empty() ? std::string() : all.front();
    };
    CHECK(first(faulty::fault::lazy) ==
          "ask(n) gives fewer than n proposals while most members are left");
    CHECK(first(faulty::fault::greedy) == "ask(n) gives more than n proposals");
    CHECK(first(faulty::fault::throws) == "a run throws: out of ideas");
}
