// SPDX-License-Identifier: Apache-2.0
// The proposals of a run with fixed arguments, as a hash: equal on every compiler, at every level of
// optimisation. A change of an algorithm or a default changes its number here, on purpose.
#include <catch2/catch.hpp>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/optimizer/hierarchical_search.hpp"
#include "lathe/optimizer/islands.hpp"
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

search_domain mixed_space() {
    search_domain d = depth_space(3, 4);
    for (const std::size_t n : {2, 9, 5}) d.axes.push_back(make_axis(n));
    d.canonical = [](genotype g) {
        for (std::size_t i = g.genes[0] + std::size_t{1}; i < 4; ++i) g.genes[i] = 0;
        return g;
    };
    return d;
}

template <class O>
hash64 fingerprint_of(O optimizer, int steps) {
    const auto space = mixed_space();
    const testing::toy_problem problem{2, 0.05, 0.3};
    hasher h;
    for (int step = 0; step < steps; ++step) {
        std::vector<outcome> told;
        for (const auto& p : optimizer.ask(8)) {
            h.add(p.id).add(hash_of(p.genes));
            told.push_back(problem.evaluate(p, space.axes));
        }
        optimizer.tell(told);
    }
    return h.value();
}

auto three_islands(const search_domain& d) {
    std::vector<std::variant<nsga2, regularized_evolution>> all;
    all.emplace_back(nsga2(d, {.seed = 17, .population = 10}));
    all.emplace_back(regularized_evolution(d, {.seed = 18, .population = 10, .tournament = 4}));
    all.emplace_back(nsga2(d, {.seed = 19, .population = 6}));
    return islands(std::move(all), {.every = 20, .migrants = 3});
}

}  // namespace

TEST_CASE("golden runs") {
    const auto d = mixed_space();
    CHECK(to_hex(fingerprint_of(random_search(d, {.seed = 11}), 40)) == "4269ccc28c4bc23e");
    CHECK(to_hex(fingerprint_of(nsga2(d, {.seed = 12, .population = 20}), 40)) ==
          "089f90cca81cd73a");
    CHECK(to_hex(fingerprint_of(nsga2(d, {.seed = 13, .population = 20, .offspring = 1}), 40)) ==
          "71ef9b8d30ac9233");
    CHECK(to_hex(fingerprint_of(regularized_evolution(d, {.seed = 14}), 40)) ==
          "1a82819a0c5ae7ef");
    CHECK(to_hex(fingerprint_of(local_search(d, {.seed = 15}), 40)) == "07e64702430fbec6");
    CHECK(to_hex(fingerprint_of(surrogate_search(d, {.seed = 16}), 10)) == "a7273b5638845eba");
    CHECK(to_hex(fingerprint_of(hierarchical_search(d, {.seed = 20, .budgets = {80, 60, 60}}), 40)) ==
          "243c20566c88b805");
    CHECK(to_hex(fingerprint_of(three_islands(d), 40)) ==
          "d4535606b1778799");
}
