// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/metric.hpp"

#include <catch2/catch.hpp>

#include "lathe/core/error.hpp"

using namespace lathe;

namespace {

template <quantity Quantity, statistic Statistic>
concept HasMetric = requires { typename metric<Quantity, Statistic>; };

}  // namespace

TEST_CASE("what is a metric can be written and read, what is none cannot be named") {
    int metrics = 0;
    for (int q = 0; q <= static_cast<int>(quantity::energy); ++q) {
        for (int s = 0; s <= static_cast<int>(statistic::p99); ++s) {
            const metric_id id{static_cast<quantity>(q), static_cast<statistic>(s), "edge"};
            INFO(to_string(id));
            if (is_metric(id.of, id.by)) {
                CHECK(parse_metric(to_string(id)) == id);
                ++metrics;
            } else {
                CHECK_THROWS_AS(parse_metric(to_string(id)), error);
            }
        }
    }
    CHECK(metrics == 7 + 4 + 5);
    STATIC_REQUIRE(HasMetric<quantity::latency, statistic::p90>);
    STATIC_REQUIRE(HasMetric<quantity::energy, statistic::value>);
    STATIC_REQUIRE_FALSE(HasMetric<quantity::accuracy, statistic::mean>);
    STATIC_REQUIRE_FALSE(HasMetric<quantity::latency, statistic::value>);
}
