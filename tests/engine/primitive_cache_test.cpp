// SPDX-License-Identifier: Apache-2.0
#include "engine/primitive_cache.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "lathe/core/run_parallel.hpp"

using namespace lathe;
using detail::made_primitive;
using detail::primitive_cache;
using detail::primitive_key;
using detail::primitive_kind;

namespace {

primitive_key key(std::int64_t number) { return {primitive_kind::matmul, {number}}; }

made_primitive named(std::string name) {
    made_primitive p;
    p.implementation = std::move(name);
    return p;
}

}  // namespace

TEST_CASE("the primitive used longest ago makes room") {
    pass_counters counters;
    primitive_cache cache(2, counters);
    const auto get = [&](std::int64_t number) {
        return cache.get(key(number), [&] { return named(std::to_string(number)); });
    };
    const auto first = get(1);
    get(2);
    CHECK(get(1) == first);
    get(3);
    CHECK(cache.implementations() == std::set<std::string>{"1", "3"});
    CHECK(get(1) == first);
    get(2);
    CHECK(counters.primitives_made == 4);
    CHECK(counters.primitives_reused == 2);
}

TEST_CASE("threads that want the same primitive get one") {
    constexpr std::size_t keys = 20;
    constexpr std::size_t threads = 4;
    pass_counters counters;
    primitive_cache cache(keys, counters);
    std::atomic<std::size_t> made = 0;
    std::vector<primitive_cache::handle> found(keys * threads);
    detail::run_parallel(found.size(), threads, [&](std::size_t, std::size_t job) {
        found[job] = cache.get(key(static_cast<std::int64_t>(job / threads)), [&] {
            ++made;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return named("slow");
        });
    });
    CHECK(made == keys);
    for (std::size_t job = 0; job < found.size(); ++job) {
        CHECK(found[job] == found[job / threads * threads]);
    }
    CHECK(counters.primitives_made == static_cast<std::int64_t>(keys));
    CHECK(counters.primitives_reused == static_cast<std::int64_t>(keys * (threads - 1)));
}

TEST_CASE("a primitive that could not be made is tried again") {
    pass_counters counters;
    primitive_cache cache(4, counters);
    const auto fail = []() -> made_primitive { throw std::runtime_error("no such kernel"); };
    CHECK_THROWS_AS(cache.get(key(1), fail), std::runtime_error);
    CHECK(cache.get(key(1), [] { return named("works"); })->implementation == "works");
    CHECK(counters.primitives_made == 1);
}
