// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/timing.hpp"

#include <signal.h>
#include <xmmintrin.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "lathe/core/error.hpp"
#include "lathe/engine/machine_state.hpp"

using namespace lathe;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// A call of known length.
void spin(steady_clock::duration time) {
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) {
    }
}

timing_options quick(int samples = 40, int rounds = 8) {
    timing_options o;
    o.samples = samples;
    o.rounds = rounds;
    o.max_seconds = 20.0;
    o.min_warm_up_seconds = 0.0;
    o.max_warm_up_seconds = 0.01;
    return o;
}

timed_task spinning(std::string name, steady_clock::duration time) {
    return {std::move(name), [time](int) { spin(time); }};
}

/// The tasks in the order of their turns, by who was called when.
std::vector<int> order_of_turns(std::uint64_t seed) {
    std::vector<int> calls;
    std::vector<timed_task> tasks;
    for (int t = 0; t < 4; ++t) {
        tasks.push_back({std::to_string(t), [&calls, t](int) { calls.push_back(t); }});
    }
    timing_options o = quick(30, 10);
    o.max_warm_up_seconds = 0.0;
    o.seed = seed;
    const measurement m = time_tasks(tasks, {}, o);
    REQUIRE(m.complete);
    // One call of warm-up per task, then turns of one unrecorded and three recorded calls.
    REQUIRE(calls.size() == 4 + 10 * 4 * 4);
    std::vector<int> turns;
    for (std::size_t i = 4; i < calls.size(); i += 4) {
        REQUIRE(std::count(calls.begin() + static_cast<std::ptrdiff_t>(i),
                           calls.begin() + static_cast<std::ptrdiff_t>(i) + 4, calls[i]) == 4);
        turns.push_back(calls[i]);
    }
    return turns;
}

}  // namespace

TEST_CASE("samples are single calls in ns, as many as asked, in rounds") {
    const std::vector<timed_task> tasks{spinning("short", microseconds(50)),
                                        spinning("long", microseconds(200))};
    const measurement m = time_tasks(tasks, {}, quick(300, 10));
    REQUIRE(m.complete);
    REQUIRE(m.tasks.size() == 2);
    CHECK(m.noise.size() == 10);
    for (const auto& task : m.tasks) {
        const double least = task.name == "short" ? 50e3 : 200e3;
        CHECK(task.rounds.size() == 10);
        for (const auto& round : task.rounds) CHECK(round.size() == 30);
        const auto all = task.all();
        CHECK(*std::min_element(all.begin(), all.end()) >= least);
        CHECK(*std::min_element(all.begin(), all.end()) < least + 20e3);
        CHECK(task.first_call_ns >= least);
    }
    CHECK(latency_estimate(m, 0, statistic::p99).known());
    CHECK(m.clock_overhead_ns > 0.0);
    CHECK(m.clock_overhead_ns < 10e3);
    CHECK_FALSE(m.machine.cpu.empty());
    for (const auto& n : m.noise) {
        CHECK(n.before.compute_ns > 0.0);
        CHECK(n.after.memory_ns > 0.0);
        CHECK(n.seconds >= 30 * 250e-6);
    }
}

TEST_CASE("every round has every task once, in an order that the seed decides") {
    const auto turns = order_of_turns(1);
    std::set<std::vector<int>> orders;
    for (std::size_t i = 0; i < turns.size(); i += 4) {
        std::vector<int> round(turns.begin() + static_cast<std::ptrdiff_t>(i),
                               turns.begin() + static_cast<std::ptrdiff_t>(i) + 4);
        orders.insert(round);
        std::sort(round.begin(), round.end());
        CHECK(round == std::vector<int>{0, 1, 2, 3});
    }
    CHECK(orders.size() > 3);
    CHECK(order_of_turns(1) == turns);
    CHECK(order_of_turns(2) != turns);
}

TEST_CASE("slow calls stay among the samples") {
    int calls = 0;
    const timed_task task{"tail", [&](int) {
                              spin(++calls % 20 == 0 ? microseconds(2000) : microseconds(20));
                          }};
    const measurement m = time_tasks({&task, 1}, {}, quick(400, 4));
    const auto all = m.tasks[0].all();
    const auto slow = std::count_if(all.begin(), all.end(), [](double ns) { return ns >= 2e6; });
    // 404 consecutive calls hold 20 slow ones, at most 4 of them unrecorded.
    CHECK(slow >= 16);
    CHECK(latency_estimate(m, 0, statistic::p99).value >= 2e6);
}

TEST_CASE("streams call at the same time, each on cores of its own") {
    const auto cores = usable_cores();
    const int streams = 2;
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::set<std::vector<int>> pins;
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::set<int> indices;
    const timed_task task{"net", [&](int stream) {
                              const int now = ++inside;
                              if (now > most) most = now;
                              spin(microseconds(300));
                              --inside;
                              const std::lock_guard lock(mutex);
                              threads.insert(std::this_thread::get_id());
                              pins.insert(usable_cores());
                              indices.insert(stream);
                          }};
    const measurement m = time_tasks({&task, 1}, {1, 1, streams}, quick(80, 8));
    CHECK(m.complete);
    for (const auto& round : m.tasks[0].rounds) CHECK(round.size() == 10);
    CHECK(indices == std::set<int>{0, 1});
    CHECK(threads.size() == 2);
    CHECK(threads.count(std::this_thread::get_id()) == 0);
    CHECK(most == 2);
    if (cores.size() >= 2) {
        CHECK(m.pinned);
        CHECK(pins.size() == 2);
        for (const auto& p : pins) CHECK(p.size() == 1);
    }
}

TEST_CASE("threads of a stream share its cores; too many streams share all") {
    const auto cores = usable_cores();
    const int all = static_cast<int>(cores.size());
    std::vector<int> seen;
    const timed_task task{"net", [&](int) { seen = usable_cores(); }};
    CHECK(time_tasks({&task, 1}, {1, all, 1}, quick()).pinned);
    CHECK(seen == cores);
    CHECK_FALSE(time_tasks({&task, 1}, {1, all + 1, 1}, quick()).pinned);
    CHECK(seen == cores);
    std::atomic<int> calls{0};
    const timed_task crowd{"crowd", [&](int) { ++calls; }};
    CHECK(time_tasks({&crowd, 1}, {1, 1, 2 * all + 1}, quick()).complete);
}

TEST_CASE("the caller's thread is left as it was") {
    const auto cores = usable_cores();
    sigset_t signals_before;
    pthread_sigmask(SIG_SETMASK, nullptr, &signals_before);
    const unsigned int mode = _mm_getcsr();
    sigset_t inside;
    const timed_task task{"rude", [&](int) {
                              _mm_setcsr(_mm_getcsr() | 0x8040U);  // flush subnormals to zero
                              pthread_sigmask(SIG_SETMASK, nullptr, &inside);
                          }};
    CHECK(time_tasks({&task, 1}, {}, quick()).complete);
    CHECK(usable_cores() == cores);
    constexpr unsigned int sticky = 0x3FU;  // exception flags: results of arithmetic, not settings
    CHECK((_mm_getcsr() | sticky) == (mode | sticky));
    sigset_t signals_after;
    pthread_sigmask(SIG_SETMASK, nullptr, &signals_after);
    for (int s = 1; s < 32; ++s) {
        CHECK(sigismember(&signals_before, s) == sigismember(&signals_after, s));
    }
    CHECK(sigismember(&inside, SIGALRM) == 1);
    CHECK(sigismember(&inside, SIGSEGV) == 0);
}

TEST_CASE("a task that throws is reported and the others go on") {
    int calls = 0;
    const std::vector<timed_task> tasks{
        spinning("good", microseconds(20)),
        {"at once", [](int) { throw std::runtime_error("no such kernel"); }},
        {"later", [&](int) {
             if (++calls > 100) throw 7;
             spin(microseconds(20));
         }}};
    timing_options o = quick(400, 8);
    o.max_warm_up_seconds = 0.0;
    const measurement m = time_tasks(tasks, {}, o);
    CHECK(m.complete);
    CHECK(m.tasks[0].all().size() == 400);
    CHECK(m.tasks[1].failure == "no such kernel");
    CHECK(m.tasks[1].all().empty());
    CHECK(m.tasks[2].failure == "unknown exception");
    CHECK(calls == 101);
    CHECK(latency_estimate(m, 2, statistic::p50).status == estimate_status::failed);
}

TEST_CASE("one stream that throws does not leave the other waiting") {
    const timed_task task{"half", [](int stream) {
                              if (stream == 1) throw std::runtime_error("stream 1");
                              spin(microseconds(20));
                          }};
    const measurement m = time_tasks({&task, 1}, {1, 1, 2}, quick());
    CHECK(m.tasks[0].failure == "stream 1");
}

TEST_CASE("time runs out: the samples so far, and no P99 from too few") {
    int calls = 0;
    int warm_up_calls = 0;
    const std::vector<timed_task> tasks(3, {"slow", [&](int) {
                                                spin(milliseconds(5));
                                                ++calls;
                                            }});
    timing_options o = quick(400, 40);
    o.max_seconds = 0.4;
    o.min_warm_up_seconds = 10.0;
    o.max_warm_up_seconds = 10.0;
    o.progress = [&](const timing_progress& p) {
        if (p.rounds_done == 0) warm_up_calls = calls;
    };
    const auto start = steady_clock::now();
    const measurement m = time_tasks(tasks, {}, o);
    CHECK(steady_clock::now() - start < milliseconds(5000));
    CHECK_FALSE(m.complete);
    CHECK_FALSE(latency_estimate(m, 0, statistic::p99).known());
    // A quarter of the time for all, and one call of each task that began in time.
    CHECK(warm_up_calls <= 0.25 * 400 / 5 + 3);
    CHECK(m.tasks[0].rounds.size() < 40);
}

TEST_CASE("a stop request ends it between two calls") {
    std::stop_source source;
    timing_options o = quick(4000, 40);
    o.stop = source.get_token();
    int last = 0;
    o.progress = [&](const timing_progress& p) {
        CHECK(p.tasks == 1);
        CHECK(p.rounds == 40);
        last = p.rounds_done;
        if (last == 2) source.request_stop();
    };
    const timed_task task = spinning("net", microseconds(20));
    const measurement m = time_tasks({&task, 1}, {}, o);
    CHECK(last == 2);
    CHECK_FALSE(m.complete);
    CHECK(m.tasks[0].all().size() == 200);
}

TEST_CASE("what progress throws reaches the caller") {
    timing_options o = quick();
    o.progress = [](const timing_progress&) { throw std::runtime_error("window closed"); };
    const timed_task task = spinning("net", microseconds(20));
    CHECK_THROWS_WITH(time_tasks({&task, 1}, {1, 1, 2}, o), "window closed");
}

TEST_CASE("bad questions name what is wrong") {
    const timed_task task = spinning("net", microseconds(1));
    const timed_task empty{"hollow", {}};
    CHECK_THROWS_WITH(time_tasks({&empty, 1}, {}, quick()), Catch::Contains("hollow"));
    CHECK_THROWS_WITH(time_tasks({&task, 1}, {1, 1, 0}, quick()), Catch::Contains("streams"));
    timing_options o = quick();
    o.samples = 0;
    CHECK_THROWS_WITH(time_tasks({&task, 1}, {}, o), Catch::Contains("samples"));
    o = quick();
    o.max_seconds = std::nan("");
    CHECK_THROWS_WITH(time_tasks({&task, 1}, {}, o), Catch::Contains("max_seconds"));
    o.max_seconds = 1e10;
    CHECK_THROWS_WITH(time_tasks({&task, 1}, {}, o), Catch::Contains("max_seconds"));
    CHECK(time_tasks({}, {}, quick()).tasks.empty());
}

TEST_CASE("neighbours that take the cores make the measurement noisy") {
    std::atomic<bool> stop{false};
    std::vector<std::jthread> neighbours;
    for (std::size_t i = 0; i < 2 * usable_cores().size(); ++i) {
        neighbours.emplace_back([&] {
            while (!stop) {
            }
        });
    }
    const timed_task task = spinning("net", microseconds(500));
    const measurement m = time_tasks({&task, 1}, {}, quick(400, 20));
    stop = true;
    CHECK(m.noisy);
    CHECK(latency_estimate(m, 0, statistic::p50).noisy);
}

TEST_CASE("a warm-up sees that calls get faster and waits") {
    int calls = 0;
    const timed_task task{"jit",
                          [&](int) { spin(microseconds(++calls < 60 ? 3000 / calls : 50)); }};
    timing_options o = quick(40, 4);
    o.max_warm_up_seconds = 2.0;
    const measurement m = time_tasks({&task, 1}, {}, o);
    CHECK(m.tasks[0].first_call_ns >= 3e6);
    CHECK(latency_estimate(m, 0, statistic::p50).value < 100e3);
}

TEST_CASE("counters of the operating system") {
    constexpr std::string_view stat =
        "cpu  10 0 5 900 1 0 2 77 0 0\n"
        "cpu0 5 0 2 450 1 0 1 30 0 0\n"
        "cpu1 5 0 3 450 0 0 1 47 0 0\n"
        "cpu10 5 0 3 450 0 0 1\n"
        "intr 12345\n";
    CHECK(parse_steal_ticks(stat, std::vector<int>{0, 1}) == 77);
    CHECK(parse_steal_ticks(stat, std::vector<int>{1}) == 47);
    CHECK_FALSE(parse_steal_ticks(stat, std::vector<int>{2}));
    CHECK_FALSE(parse_steal_ticks(stat, std::vector<int>{10}));
    CHECK_FALSE(parse_steal_ticks("", std::vector<int>{0}));
    constexpr std::string_view pressure =
        "some avg10=0.65 avg60=0.57 avg300=0.45 total=8593306\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n";
    CHECK(parse_pressure(pressure) == 8593306);
    CHECK_FALSE(parse_pressure("some avg10=0.65\n"));
    CHECK_FALSE(parse_pressure("some total=-5\n"));
    CHECK_FALSE(parse_pressure(""));
    CHECK_NOTHROW(read_machine_state(usable_cores()));
}
