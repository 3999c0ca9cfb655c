// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/measurement.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

using namespace lathe;

namespace {

constexpr int rounds = 30;

measurement quiet() {
    measurement m;
    task_samples task;
    task.name = "net";
    rng random(1);
    for (int r = 0; r < rounds; ++r) {
        std::vector<double> calls(20);
        for (double& ns : calls) ns = 1000.0 * (1.0 + 0.01 * random.real());
        task.rounds.push_back(calls);
        m.noise.push_back({0.1, {100.0, 300.0}, {101.0, 305.0}, 0.0, 0.01, 5, false});
    }
    m.tasks.push_back(task);
    return m;
}

int disturbed_rounds(measurement& m) {
    judge_noise(m);
    int n = 0;
    for (const auto& r : m.noise) n += r.disturbed ? 1 : 0;
    return n;
}

}  // namespace

TEST_CASE("a quiet run is not noisy and its estimates say so") {
    measurement m = quiet();
    CHECK(disturbed_rounds(m) == 0);
    CHECK_FALSE(m.noisy);
    const estimate p99 = latency_estimate(m, 0, statistic::p99);
    CHECK(p99.known());
    CHECK_FALSE(p99.noisy);
    CHECK(p99.value > latency_estimate(m, 0, statistic::p50).value);
}

TEST_CASE("each sign of a neighbour disturbs the round it is seen in") {
    measurement m = quiet();
    m.noise[1].before.compute_ns = 104.0;
    m.noise[2].after.memory_ns = 340.0;
    m.noise[3].steal_share = 0.02;
    m.noise[4].pressure = 0.2;
    m.noise[5].involuntary_switches = 11;
    m.noise[6].before.compute_ns = std::nan("");
    CHECK(disturbed_rounds(m) == 6);
    for (const std::size_t r : {1, 2, 3, 4, 5, 6}) CHECK(m.noise[r].disturbed);
    CHECK_FALSE(m.noisy);
}

TEST_CASE("many disturbed rounds make the whole measurement noisy, and no sample is dropped") {
    measurement m = quiet();
    for (int r = 0; r < 7; ++r) m.noise[static_cast<std::size_t>(r)].steal_share = 0.5;
    judge_noise(m);
    CHECK(m.noisy);
    CHECK(latency_estimate(m, 0, statistic::p50).noisy);
    CHECK(m.tasks[0].all().size() == rounds * 20);
}

TEST_CASE("a task that slows down over the rounds is flagged although the canaries are calm") {
    measurement m = quiet();
    for (std::size_t r = 20; r < m.tasks[0].rounds.size(); ++r) {
        for (double& ns : m.tasks[0].rounds[r]) ns *= 1.1;
    }
    judge_noise(m);
    CHECK_FALSE(m.noisy);
    CHECK(m.tasks[0].drift == Approx(0.1).margin(0.01));
    CHECK(latency_estimate(m, 0, statistic::p50).noisy);
}

TEST_CASE("machines that give no canary, no pressure and few rounds are judged by what there is") {
    measurement m = quiet();
    m.noise.clear();
    judge_noise(m);
    CHECK_FALSE(m.noisy);
    m.tasks[0].rounds.resize(2);
    judge_noise(m);
    CHECK_FALSE(m.tasks[0].drifting);
    CHECK(latency_estimate(m, 0, statistic::p99).status == estimate_status::not_resolvable);
}

TEST_CASE("a failed task and a wrong question") {
    measurement m = quiet();
    CHECK_THROWS_AS(latency_estimate(m, 0, statistic::mean), error);
    CHECK_THROWS_AS(latency_estimate(m, 1, statistic::p50), error);
    m.tasks[0].failure = "out of memory";
    CHECK(latency_estimate(m, 0, statistic::p50).status == estimate_status::failed);
}
