// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/latency_table.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

#include "cost_model/nets.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/testing/cost_model.hpp"

using namespace lathe;

namespace {

constexpr int operations = 12;

fingerprint machine() {
    fingerprint f;
    f.cpu = "simulated";
    return f;
}

/// Operation i takes 100 (i + 1) ns.
program random_program(rng& random) {
    program p;
    const auto steps = 3 + random.below(20);
    for (std::uint32_t s = 0; s < steps; ++s) {
        program_step step;
        step.operation = "conv2d, \"k" + std::to_string(random.below(operations)) + '"';
        p.steps.push_back(step);
    }
    return p;
}

latency_table with_operations() {
    latency_table table(machine(), {});
    for (int i = 0; i < operations; ++i) {
        const std::string name = "conv2d, \"k" + std::to_string(i) + '"';
        const std::vector<step_time> times{{name, 90.0 * (i + 1)}, {name, 110.0 * (i + 1)}};
        table.add(times);
    }
    return table;
}

/// Calls cost 500 ns, kernels run 20 % faster than alone, and 4 % of noise.
double truth(double sum, rng& random) {
    return (500.0 + 0.8 * sum) * std::exp(0.04 * random.normal());
}

latency_table calibrated(std::uint64_t seed, int networks) {
    latency_table table = with_operations();
    rng random(seed);
    for (int i = 0; i < networks; ++i) {
        const program p = random_program(random);
        REQUIRE(table.observe(p, truth(*table.sum(p), random)));
    }
    return table;
}

std::string temporary(const char* name) {
    return "/tmp/lathe_latency_table_" + std::to_string(getpid()) + name;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the sum is that of the mean times of the steps") {
    const latency_table table = with_operations();
    CHECK(table.operations() == operations);
    program p;
    p.steps.resize(2);
    p.steps[0].operation = "conv2d, \"k0\"";
    p.steps[1].operation = "conv2d, \"k4\"";
    CHECK(*table.sum(p) == Approx(600.0));
    p.steps[1].operation = "unseen";
    CHECK_FALSE(table.sum(p));
    p.steps.push_back(p.steps[1]);
    CHECK(table.missing(p) == std::vector<std::string>{"unseen"});
    p.target.threads = 2;
    CHECK_FALSE(table.sum(p));
    CHECK_FALSE(table.sum(program{}));
}

TEST_CASE("calibration finds what happens between the steps") {
    const latency_table table = calibrated(1, 200);
    rng random(77);
    for (int i = 0; i < 20; ++i) {
        const program p = random_program(random);
        const estimate e = table.predict(p);
        REQUIRE(e.known());
        CHECK(e.value == Approx(500.0 + 0.8 * *table.sum(p)).epsilon(0.04));
        CHECK(e.source == provenance::table);
        CHECK(e.confidence == 0.9);
    }
    const auto stated = table.error();
    REQUIRE(stated);
    CHECK(stated->networks == 100);
    CHECK(stated->mean == Approx(0.04 * std::sqrt(2.0 / 3.14159265)).epsilon(0.35));
    CHECK(stated->within_10 > 0.9);
}

TEST_CASE("intervals cover fresh networks as often as stated") {
    int covered = 0;
    int asked = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const latency_table table = calibrated(seed, 40);
        rng random(seed + 1000);
        for (int i = 0; i < 10; ++i) {
            const program p = random_program(random);
            const estimate e = table.predict(p);
            const double measured = truth(*table.sum(p), random);
            covered += e.low <= measured && measured <= e.high ? 1 : 0;
            ++asked;
        }
    }
    const double share = double(covered) / asked;
    CHECK(share > 0.88);
    CHECK(share < 0.94);  // 19 / 21 = 0.905 in theory
}

TEST_CASE("nothing is predicted before there is evidence") {
    rng random(5);
    const program p = random_program(random);
    CHECK(with_operations().predict(p).status == estimate_status::not_measured);
    CHECK_FALSE(with_operations().error());
    CHECK(calibrated(2, 2).predict(p).status == estimate_status::not_measured);
    CHECK(calibrated(2, 17).predict(p).status == estimate_status::not_resolvable);
    CHECK(calibrated(2, 18).predict(p).known());
    program unseen;
    unseen.steps.resize(1);
    CHECK(calibrated(2, 40).predict(unseen).status == estimate_status::not_measured);
    latency_table table = calibrated(2, 40);
    CHECK_FALSE(table.observe(unseen, 100.0));
    CHECK(table.observations() == 40);
}

TEST_CASE("networks of one size, and time that falls with the sum, give positive predictions") {
    latency_table same = with_operations();
    latency_table falling = with_operations();
    program p;
    for (int i = 0; i < 30; ++i) {
        p.steps.resize(1);
        p.steps[0].operation = "conv2d, \"k3\"";
        same.observe(p, 800.0);
        p.steps.resize(static_cast<std::size_t>(1 + i), p.steps[0]);
        falling.observe(p, 1e5 / (1.0 + i));
    }
    p.steps.resize(1);
    CHECK(same.predict(p).value == Approx(800.0));
    const estimate e = falling.predict(p);
    CHECK(e.low > 0.0);
    CHECK(e.low <= e.value);
}

TEST_CASE("times that are no times are refused") {
    latency_table table = with_operations();
    const std::vector<step_time> bad{{"fine", 1.0}, {"bad", std::nan("")}};
    CHECK_THROWS_WITH(table.add(bad), Catch::Contains("bad"));
    CHECK(table.operations() == operations);
    rng random(1);
    const program p = random_program(random);
    CHECK_THROWS_AS(table.observe(p, 0.0), error);
    CHECK_THROWS_AS(table.observe(p, INFINITY), error);
    table.observe(p, 10.0);
    const std::vector<step_time> late{{"late", 1.0}};
    CHECK_THROWS_WITH(table.add(late), Catch::Contains("observed networks"));
    CHECK_THROWS_AS(latency_table(machine(), {1, 0, 1}), error);
}

TEST_CASE("a table read back predicts the same bits") {
    const std::string path = temporary(".csv");
    const latency_table table = calibrated(9, 50);
    table.save(path);
    const latency_table back = latency_table::load(path, machine());
    CHECK(back.operations() == table.operations());
    CHECK(back.observations() == 50);
    rng random(3);
    for (int i = 0; i < 20; ++i) {
        const program p = random_program(random);
        CHECK(back.predict(p).value == table.predict(p).value);
        CHECK(back.predict(p).high == table.predict(p).high);
    }
    back.save(temporary("_again.csv"));
    CHECK(text_of(temporary("_again.csv")) == text_of(path));
    fingerprint other = machine();
    other.isa = "avx2";
    CHECK_THROWS_WITH(latency_table::load(path, other), Catch::Contains("another machine"));
    unlink(path.c_str());
    unlink(temporary("_again.csv").c_str());
}

TEST_CASE("a damaged table is refused with its line") {
    const std::string path = temporary("_damaged.csv");
    calibrated(9, 4).save(path);
    const std::string good = text_of(path);
    const auto refused = [&](std::string from, std::string to) {
        std::string text = good;
        const auto at = text.find(from);
        REQUIRE(at != std::string::npos);
        text.replace(at, from.size(), to);
        std::ofstream(path) << text;
        CHECK_THROWS_WITH(latency_table::load(path, machine()), Catch::Contains(path));
    };
    refused("batch", "patch");
    refused("threads,,1", "threads,,0");
    refused("\"\"k3\"\"", "\"\"k2\"\"");
    refused(",2,100,100", ",2,nan,100");
    refused(",2,100,100", ",2,-100,100");
    refused(",2,100,100", ",0,100,100");
    refused("network,,1,", "netwrk,,1,");
    refused(good.substr(good.find("threads")), "");
    refused(good.substr(good.find("machine")), "");
    refused(good.substr(good.find("kind")), "");
    unlink(path.c_str());
}

TEST_CASE("the table as a cost model learns from P50 observations of its deployment") {
    const auto family = nets::family(40);
    latency_table table(machine(), {});
    std::vector<step_time> times;
    for (const network& net : family) {
        for (const auto& step : nets::compile(net, {}).steps) {
            times.push_back({step.operation, 10.0 + double(step.macs.value)});
        }
    }
    table.add(times);
    table_latency model(std::move(table), nets::compile);
    CHECK(testing::check_cost_model(model, family, {}).empty());
    CHECK(model.estimate(family, {}).column(0)[0].status == estimate_status::not_measured);

    std::vector<observation> seen;
    for (const network& net : family) {
        const double ns = 100.0 + 1.5 * *model.table().sum(nets::compile(net, {}));
        seen.push_back({&net, {}, {quantity::latency, statistic::p50, "edge"}, estimate::exact(ns)});
        seen.push_back({&net, {}, id_of<latency_p99>(), estimate::exact(9e9)});
        seen.push_back({&net, {2, 1, 1}, id_of<latency_p50>(), estimate::exact(9e9)});
        seen.push_back({&net, {}, id_of<latency_p50>(),
                        estimate::missing(estimate_status::not_resolvable)});
    }
    model.observe(seen);
    CHECK(model.table().observations() == 40);
    CHECK(testing::check_cost_model(model, family, {}).empty());
    const auto costs = model.estimate(family, {});
    for (std::size_t n = 0; n < family.size(); ++n) {
        CHECK(costs.column(0)[n].value == Approx(seen[4 * n].measured.value).epsilon(1e-6));
    }
    CHECK_FALSE(model.estimate(family, {2, 1, 1}).column(0)[0].known());
}
