// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/concept.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "cost_model/nets.hpp"
#include "lathe/core/error.hpp"
#include "lathe/testing/cost_model.hpp"

using namespace lathe;

namespace {

/// The least that models the concept.
struct layer_count {
    static std::vector<metric_id> metrics() { return {{quantity::macs, statistic::value, {}}}; }
    static cost_table estimate(std::span<const network> nets, const deployment& d) {
        validate(d);
        cost_table table(metrics(), nets.size());
        for (std::size_t n = 0; n < nets.size(); ++n) {
            table.column(0)[n] = lathe::estimate::exact(static_cast<double>(nets[n].nodes().size()));
        }
        return table;
    }
};
static_assert(CostModel<layer_count>);
static_assert(!ObservingCostModel<layer_count>);
static_assert(MayProvide<layer_count, macs>);

struct typed : layer_count {
    using provided = metric_list<macs>;
};
static_assert(MayProvide<typed, macs>);
static_assert(!MayProvide<typed, latency_p99>);

struct no_metrics {
    cost_table estimate(std::span<const network>, const deployment&);
};
static_assert(!CostModel<no_metrics>);

/// Wrong in a way that the caller chooses.
struct broken {
    enum class fault { none, inverted, infinite, number_without_status, neighbours, deployment, rows };
    fault what = fault::none;

    static std::vector<metric_id> metrics() { return layer_count::metrics(); }
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) const {
        if (what != fault::deployment) validate(d);
        cost_table table(metrics(), nets.size() + (what == fault::rows ? 1 : 0));
        for (auto& e : table.column(0)) {
            e = lathe::estimate::exact(7.0);
            if (what == fault::inverted) e.low = 8.0;
            if (what == fault::infinite) e.high = INFINITY;
            if (what == fault::number_without_status) e.status = estimate_status::not_measured;
            if (what == fault::neighbours) e = lathe::estimate::exact(double(nets.size()));
        }
        return table;
    }
};

}  // namespace

TEST_CASE("a table starts as not measured and finds its columns by metric") {
    const metric_id peak = id_of<peak_memory>();
    cost_table table({id_of<macs>(), peak}, 3);
    CHECK(table.networks() == 3);
    for (const auto& e : table.column(peak)) CHECK(e.status == estimate_status::not_measured);
    table.column(1)[2] = estimate::exact(5.0);
    CHECK(table.column(peak)[2].value == 5.0);
    CHECK_FALSE(table.column(0)[2].known());
    CHECK_THROWS_WITH(std::as_const(table).column(id_of<latency_p99>()),
                      Catch::Contains("latency_p99") && Catch::Contains("peak_memory"));
}

TEST_CASE("the conformance checks pass the archetype and find each fault") {
    const auto family = nets::family(4);
    layer_count good;
    CHECK(testing::check_cost_model(good, family, {}).empty());
    broken none;
    CHECK(testing::check_cost_model(none, family, {}).empty());
    using fault = broken::fault;
    for (const auto what : {fault::inverted, fault::infinite, fault::number_without_status,
                            fault::neighbours, fault::deployment, fault::rows}) {
        broken model{what};
        CHECK_FALSE(testing::check_cost_model(model, family, {}).empty());
    }
}
