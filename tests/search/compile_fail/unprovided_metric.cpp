// SPDX-License-Identifier: Apache-2.0
// Does not compile with METRIC = energy: no component of this study measures it.
#include "lathe/search/study.hpp"
#include "search/toy.hpp"

using namespace lathe;
using energy_p50 = metric<quantity::energy, statistic::p50>;

void searches(toy::space& space, toy::size_model& size, toy::latency_model& latency) {
    auto judge = toy::evaluator();
    toy::optimizer strategy(space);
    const auto goals =
        typed_goals<>().in("edge", {}).optimize<accuracy>().limit<METRIC>("edge", "<= 1");
    study s(space, judge, strategy, goals, {}, size, latency);
}
