// SPDX-License-Identifier: Apache-2.0
// Golden runs on objectives that are whole numbers, so that they are the same whatever the flags of the
// including program do to its arithmetic; built a second time with -march=native. The same runs with
// candidates evaluated by several threads, in whatever order they finish, and side by side in threads.
#include <catch2/catch.hpp>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lathe/core/hash.hpp"
#include "lathe/optimizer/islands.hpp"
#include "lathe/optimizer/local_search.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/optimizer/random_search.hpp"
#include "lathe/optimizer/regularized_evolution.hpp"
#include "lathe/optimizer/surrogate_search.hpp"
#include "optimizer/spaces.hpp"

using namespace lathe;
using namespace lathe::test;

namespace {

constexpr unsigned most_threads = 8;

search_domain space() { return grid({9, 5, 16, 3, 7, 12}); }

/// Some candidates fail and some are infeasible; ties are common.
outcome evaluate(const proposal& p) {
    outcome o{p.id, outcome_status::ok, {0.0, 0.0}, 0.0};
    for (std::size_t i = 0; i < p.genes.genes.size(); ++i) {
        const int x = p.genes.genes[i];
        const int weight = static_cast<int>(i) + 1;
        o.objectives[0] += x * x * weight;
        o.objectives[1] += (x - 9) * (x - 9) * weight;
    }
    const hash64 luck = hash_of(p.genes) % 16;
    if (luck == 0) o.status = outcome_status::failed;
    if (luck > 12) o.violation = static_cast<double>(luck);
    return o;
}

/// Outcomes in the order in which the threads finish.
std::vector<outcome> evaluate_all(const std::vector<proposal>& asked, unsigned threads) {
    std::vector<outcome> told;
    std::mutex guard;
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next++; i < asked.size(); i = next++) {
            const outcome o = evaluate(asked[i]);
            const std::lock_guard lock(guard);
            told.push_back(o);
        }
    };
    std::vector<std::thread> team;
    for (unsigned t = 1; t < threads; ++t) team.emplace_back(work);
    work();
    for (auto& t : team) t.join();
    return told;
}

template <class O>
std::string fingerprint_of(O optimizer, int steps, unsigned threads) {
    hasher h;
    for (int step = 0; step < steps; ++step) {
        const auto asked = optimizer.ask(10);
        for (const auto& p : asked) h.add(p.id).add(hash_of(p.genes));
        optimizer.tell(evaluate_all(asked, threads));
    }
    return to_hex(h.value());
}

auto two_islands() {
    std::vector<std::variant<nsga2, regularized_evolution>> all;
    all.emplace_back(nsga2(space(), {.seed = 6, .population = 12}));
    all.emplace_back(
        regularized_evolution(space(), {.seed = 7, .population = 12, .tournament = 4}));
    return islands(std::move(all), {.every = 30, .migrants = 4});
}

/// Calls visit(name, golden, run) for each optimizer; run(threads) makes the run anew.
template <class Visit>
void for_each_golden(Visit visit) {
    visit("random_search", "f32e108add63742b",
          [](unsigned threads) { return fingerprint_of(random_search(space(), {.seed = 1}), 30, threads); });
    visit("nsga2", "614699b46e077135", [](unsigned threads) {
        return fingerprint_of(nsga2(space(), {.seed = 2, .population = 20}), 60, threads);
    });
    visit("nsga2, steady state", "75074aac5c3046d5", [](unsigned threads) {
        return fingerprint_of(nsga2(space(), {.seed = 3, .population = 15, .offspring = 1}), 40, threads);
    });
    visit("regularized_evolution", "652c944806aede2b", [](unsigned threads) {
        return fingerprint_of(regularized_evolution(space(), {.seed = 4}), 40, threads);
    });
    visit("local_search", "5ada6f8dea1900d8", [](unsigned threads) {
        return fingerprint_of(local_search(space(), {.seed = 5}), 40, threads);
    });
    visit("surrogate_search", "85b88902a835c54e", [](unsigned threads) {
        return fingerprint_of(surrogate_search(space(), {.seed = 6, .initial = 20}), 5, threads);
    });
    visit("islands", "85d5581703cf5f73",
          [](unsigned threads) { return fingerprint_of(two_islands(), 40, threads); });
}

}  // namespace

TEST_CASE("golden runs are the same for 1 to 8 evaluating threads") {
    for_each_golden([](const char* name, const char* golden, auto run) {
        for (unsigned threads = 1; threads <= most_threads; ++threads) {
            INFO(name << " with " << threads << " threads");
            CHECK(run(threads) == golden);
        }
    });
}

TEST_CASE("golden runs are the same for optimizers side by side in threads") {
    for_each_golden([](const char* name, const char* golden, auto run) {
        std::vector<std::string> found(most_threads);
        std::vector<std::thread> team;
        for (auto& f : found) team.emplace_back([&f, run] { f = run(1); });
        for (auto& t : team) t.join();
        INFO(name);
        CHECK(found == std::vector<std::string>(most_threads, golden));
    });
}
