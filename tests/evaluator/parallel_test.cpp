// SPDX-License-Identifier: Apache-2.0
#include "lathe/evaluator/parallel.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lathe/evaluator/function.hpp"
#include "lathe/evaluator/tabular.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

/// Says when two threads are in one object.
struct guarded {
    using provided = metric_list<accuracy>;
    static constexpr thread_safety safety = thread_safety::basic;
    std::atomic<int> inside = 0;
    std::atomic<bool> crowded = false;
    int calls = 0;

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity f) {
        if (++inside > 1) crowded = true;
        ++calls;
        std::this_thread::yield();
        std::vector<evaluation> result;
        for (const candidate& one : c) {
            if (one.id == 5) {
                result.push_back(evaluation::failure("no luck"));
            } else {
                result.push_back({evaluation_status::done,
                                  {{id_of<accuracy>(),
                                    estimate::exact(f.effort * static_cast<double>(one.id))}},
                                  {}});
            }
        }
        --inside;
        return result;
    }
};

/// Throws at the ids given; gives `extra` evaluations too many.
struct throwing {
    static constexpr thread_safety safety = thread_safety::full;
    std::vector<std::uint64_t> at;
    std::size_t extra = 0;
    [[nodiscard]] static std::vector<metric_id> metrics() { return {id_of<accuracy>()}; }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity) const {
        for (const auto id : at) {
            if (c[0].id == id) throw std::runtime_error("at " + std::to_string(id));
        }
        return std::vector<evaluation>(c.size() + extra);
    }
};

struct unsafe : throwing {
    static constexpr thread_safety safety = thread_safety::none;
};

template <class E>
concept CanRunInParallel = requires { typename parallel_evaluator<E>; };
template <class E>
concept CanBeShared = requires(E& e) { parallel_evaluator<E>(e, 2); };

static_assert(Evaluator<parallel_evaluator<guarded>>);
static_assert(Evaluator<parallel_evaluator<tabular_evaluator>>);
static_assert(parallel_evaluator<guarded>::provided::contains<accuracy>);
static_assert(parallel_evaluator<guarded>::safety == thread_safety::basic);
static_assert(parallel_evaluator<tabular_evaluator>::safety == thread_safety::full);
static_assert(CanBeShared<tabular_evaluator> && !CanBeShared<guarded>);
static_assert(Evaluator<unsafe> && !CanRunInParallel<unsafe>);

std::vector<candidate> candidates(std::size_t n) {
    std::vector<candidate> list;
    for (std::size_t i = 0; i < n; ++i) list.push_back({i, {{static_cast<std::uint16_t>(i)}}, nullptr});
    return list;
}

TEST_CASE("each object is used by one thread at a time, and the results are those of one thread") {
    const auto all = candidates(200);
    guarded alone;
    const auto expected = alone.evaluate(all, {0.5});
    for (const std::size_t threads : {1U, 2U, 8U}) {
        std::vector<guarded> objects(threads);
        parallel_evaluator parallel{std::span(objects)};
        const auto results = parallel.evaluate(all, {0.5});
        REQUIRE(results.size() == expected.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
            CHECK(results[i].status == expected[i].status);
            CHECK(results[i].metrics == expected[i].metrics);
            CHECK(results[i].message == expected[i].message);
        }
        int calls = 0;
        for (const guarded& one : objects) {
            CHECK_FALSE(one.crowded);
            calls += one.calls;
        }
        CHECK(calls == 200);
        CHECK(parallel.evaluate({}, {}).empty());
    }
}

TEST_CASE("a shared evaluator answers from all threads") {
    tabular_evaluator table({id_of<accuracy>()});
    const auto all = candidates(100);
    for (const candidate& c : all) {
        if (c.id != 7) table.add(c.genes, std::vector{0.001 * static_cast<double>(c.id)});
    }
    parallel_evaluator parallel(table, 4);
    const auto results = parallel.evaluate(all, {});
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (i == 7) {
            CHECK(results[i].status == evaluation_status::failed);
        } else {
            CHECK(results[i].metrics[0].value.value == 0.001 * static_cast<double>(i));
        }
    }
}

TEST_CASE("of several exceptions that of the earliest candidate is thrown") {
    throwing e{{17, 5, 90}};
    for (int round = 0; round < 50; ++round) {
        parallel_evaluator parallel(e, 4);
        CHECK_THROWS_WITH(parallel.evaluate(candidates(100), {}), "at 5");
    }
    throwing generous{{}, 1};
    CHECK_THROWS_WITH(parallel_evaluator(generous, 2).evaluate(candidates(3), {}),
                      Contains("2 evaluations for 1 candidate"));
    CHECK_THROWS_AS(parallel_evaluator(e, 0), error);
    CHECK_THROWS_AS(parallel_evaluator(std::span<throwing>()), error);
}

}  // namespace
}  // namespace lathe
