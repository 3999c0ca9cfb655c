// SPDX-License-Identifier: Apache-2.0
#include "lathe/constraint/limit.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "lathe/constraint/aggregate.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

using namespace lathe;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

limit_spec parsed(std::string_view metric, std::string_view text) {
    return parse_limit(parse_metric(metric), text);
}

estimate between(double low, double value, double high) {
    return {value, low, high, 0.95, provenance::measured, estimate_status::known, false};
}

std::string complaint(std::string_view metric, std::string_view text) {
    try {
        (void)parse_limit(parse_metric(metric), text, "spec.json: limits");
    } catch (const error& e) {
        CHECK(e.code() == errc::bad_input);
        CHECK(e.place() == "spec.json: limits");
        CHECK_FALSE(e.remedy().empty());
        return e.what();
    }
    FAIL("'" << text << "' was accepted for " << metric);
    return {};
}

}  // namespace

TEST_CASE("limits are read in every unit") {
    CHECK(parsed("latency_p99", "<= 400us").value == 400000.0);
    CHECK(parsed("latency_p99", "<=0.4 ms").value == 400000.0);
    CHECK(parsed("latency_p50", "<= 2e-3 s").value == 2e6);
    CHECK(parsed("peak_memory", "<= 256KiB").value == 262144.0);
    CHECK(parsed("arena_memory", "<= 1 MB").value == 1e6);
    CHECK(parsed("parameters", "<= 5M").value == 5e6);
    CHECK(parsed("macs", "<= 18600000").value == 18.6e6);
    CHECK(parsed("energy_mean", "<= 2mJ").value == 2e-3);
    CHECK(parsed(to_string(id_of<energy>()), "<= 1 J").value == 1.0);
    CHECK(parsed("loss", " <= 0.7 ").value == 0.7);
    for (const auto* text : {"<= 400us", "<= 1s"}) CHECK_FALSE(parsed("latency_p99", text).relative);
}

TEST_CASE("a percentage is relative, but an accuracy is already a fraction") {
    CHECK(parsed("latency_p99", "<= 45%") ==
          limit_spec{parse_metric("latency_p99"), bound::at_most, 0.45, true});
    const limit_spec a = parsed("accuracy", ">= 80%");
    CHECK_FALSE(a.relative);
    CHECK(a.side == bound::at_least);
    CHECK(a.value == 0.80);
    CHECK(parsed("accuracy", ">= 0.8").value == 0.8);
}

TEST_CASE("a wrong limit names the key, the text and the remedy") {
    CHECK_THAT(complaint("latency_p99", "<= 400"), Catch::Contains("no unit"));
    CHECK_THAT(complaint("latency_p99", "<= 400KiB"), Catch::Contains("'KiB'") && Catch::Contains("us"));
    CHECK_THAT(complaint("latency_p99", "400us"), Catch::Contains("'400us'"));
    CHECK_THAT(complaint("latency_p99", "< 400us"), Catch::Contains("'<='"));
    CHECK_THAT(complaint("latency_p99", ">= 400us"), Catch::Contains("minimised"));
    CHECK_THAT(complaint("accuracy", "<= 80%"), Catch::Contains("maximised"));
    CHECK_THAT(complaint("accuracy", ">= 80"), Catch::Contains("100 %"));
    CHECK_THAT(complaint("peak_memory", "<= -1 B"), Catch::Contains("above 0"));
    CHECK_THAT(complaint("peak_memory", "<= 0 B"), Catch::Contains("above 0"));
    CHECK_THAT(complaint("loss", "<= nan"), Catch::Contains("finite number"));
    CHECK_THAT(complaint("loss", "<= inf"), Catch::Contains("finite number"));
    CHECK_THAT(complaint("loss", "<= 1e999"), Catch::Contains("finite number"));
    CHECK_THAT(complaint("macs", "<="), Catch::Contains("finite number"));
    CHECK_THAT(complaint("macs", ""), Catch::Contains("'<='"));
    CHECK_THAT(complaint("peak_memory", "<= 256 Kb"), Catch::Contains("'Kb'"));
}

TEST_CASE("a limit made without a text is checked, too") {
    const metric_id p99 = parse_metric("latency_p99@edge");
    const metric_id quality = parse_metric("accuracy");
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const limit_spec wrong[] = {{p99, bound::at_most, 0.0},       {p99, bound::at_most, -1.0, true},
                                {p99, bound::at_most, nan},       {p99, bound::at_least, 1.0},
                                {quality, bound::at_least, 80.0}, {quality, bound::at_most, 0.8}};
    for (const limit_spec& l : wrong) {
        INFO(to_string(l));
        CHECK_THROWS_AS(validate(l), error);
        CHECK_THROWS_AS(resolve(l, {}), error);
    }
    CHECK_NOTHROW(validate({quality, bound::at_least, 0.8}));
}

TEST_CASE("an interval across the limit is undecided, never feasible") {
    const limit upper{parse_metric("latency_p99"), bound::at_most, 100.0};
    CHECK(upper.violation(between(90, 95, 100)) == violation{0.0, true});
    CHECK(upper.violation(between(90, 95, 100.5)) == violation{0.0, false});
    CHECK(upper.violation(between(90, 110, 120)) == violation{0.1, false});
    CHECK(upper.violation(between(101, 150, 160)) == violation{0.5, true});
    const limit lower{parse_metric("accuracy"), bound::at_least, 0.8};
    CHECK(lower.violation(between(0.8, 0.9, 1.0)).feasible());
    CHECK(lower.violation(between(0.79, 0.9, 1.0)) == violation{0.0, false});
    CHECK(lower.violation(between(0.3, 0.4, 0.5)) == violation{0.5, true});
}

TEST_CASE("one unit above the limit is infeasible, whatever the size of the limit") {
    for (const double value : {1.0, 3.0, 1e9, 1e-300, 4503599627370497.0}) {
        const limit upper{parse_metric("parameters"), bound::at_most, value};
        CHECK(upper.violation(estimate::exact(value)).feasible());
        const violation v = upper.violation(estimate::exact(std::nextafter(value, inf)));
        CHECK(v.decided);
        CHECK(v.amount > 0.0);
    }
}

TEST_CASE("what is not known is undecided, and NaN never keeps a limit") {
    const limit upper{parse_metric("latency_p99"), bound::at_most, 100.0};
    const violation unknown{inf, false};
    CHECK(upper.violation(estimate{}) == unknown);
    CHECK(upper.violation(estimate::missing(estimate_status::not_resolvable)) == unknown);
    CHECK(upper.violation(estimate::missing(estimate_status::failed)) == unknown);
    CHECK(upper.violation(estimate::exact(no_number)) == unknown);
    CHECK(upper.violation(between(no_number, 50, 60)) == unknown);
    CHECK(upper.violation(between(40, 50, no_number)) == unknown);
    CHECK(upper.violation(between(60, 50, 70)) == unknown);
    CHECK(upper.violation(metric_values{}.at(upper.metric)) == unknown);
}

TEST_CASE("a relative limit is resolved by the reference member") {
    const std::vector<metric_id> ids = {parse_metric("macs"), parse_metric("latency_p99@edge")};
    const std::vector<estimate> values = {estimate::exact(2e7), between(90, 100, 110)};
    const metric_values largest{ids, values};
    CHECK(resolve(parse_limit(ids[1], "<= 45%"), largest) == limit{ids[1], bound::at_most, 45.0});
    CHECK(resolve(parse_limit(ids[0], "<= 5M"), largest).value == 5e6);
    const auto other = parse_limit(parse_metric("latency_p99@cloud"), "<= 45%");
    CHECK_THROWS_WITH(resolve(other, largest),
                      Catch::Contains("latency_p99@cloud <= 45 %") && Catch::Contains("measure"));
    CHECK(to_string(resolve(parse_limit(ids[1], "<= 400us"), largest)) ==
          "latency_p99@edge <= 400 us");
}

TEST_CASE("together: the sum, and one decided violation decides") {
    using list = std::vector<violation>;
    CHECK(combine({}).feasible());
    CHECK(combine(list{{0, true}, {0, true}}).feasible());
    CHECK(combine(list{{0.25, true}, {0.5, true}}) == violation{0.75, true});
    CHECK(combine(list{{0, true}, {0, false}}) == violation{0, false});
    CHECK(combine(list{{0, true}, {inf, false}}) == violation{inf, false});
    CHECK(combine(list{{0.25, true}, {inf, false}}) == violation{0.25, true});
    CHECK(combine(list{{inf, true}, {inf, false}}) == violation{inf, true});
    CHECK_FALSE(combine(list{{no_number, true}}).feasible());
}

TEST_CASE("the tightest constraint is the one kept least often") {
    const std::vector<violation> table = {{0, true},   {0.2, true}, {0, true},    //
                                          {0.1, true}, {0.4, true}, {0, true},    //
                                          {0, true},   {0.3, true}, {0, false}};
    const auto t = find_tightest(table, 3);
    REQUIRE(t);
    CHECK(t->index == 1);
    CHECK(t->kept == 0);
    CHECK(t->candidates == 3);
    CHECK(t->nearest == 0.2);
    CHECK(describe(*t, "macs <= 5 M") ==
          "macs <= 5 M: kept by 0 of 3 candidates, the nearest misses it by 20 %");
    CHECK_FALSE(find_tightest({}, 3));
    CHECK_THROWS_AS(find_tightest(table, 2), error);
}

TEST_CASE("violations agree with the definition on random intervals") {
    rng random(11);
    for (int i = 0; i < 20000; ++i) {
        const double at = 1.0 + random.below(20);
        const double low = random.below(25);
        const double value = low + random.below(5);
        const double high = value + random.below(5);
        const bool upper = random.flip(0.5);
        const limit l{parse_metric(upper ? "loss" : "accuracy"),
                      upper ? bound::at_most : bound::at_least, at};
        const violation v = l.violation(between(low, value, high));
        const bool all = upper ? high <= at : low >= at;
        const bool none = upper ? low > at : high < at;
        REQUIRE(v.feasible() == all);
        REQUIRE(v.decided == (all || none));
        REQUIRE((v.amount > 0) == (upper ? value > at : value < at));
    }
}
