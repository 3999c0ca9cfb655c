// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <cmath>

#include "lathe/constraint/limit.hpp"
#include "lathe/network/network.hpp"
#include "lathe/testing/constraint.hpp"

using namespace lathe;
using Catch::Matchers::Contains;

namespace {

network small_network() {
    network_builder b;
    const value_id x = b.input("x", vector_type(4));
    b.output(b.add("fc", linear_op{whole("w", {2, 4}), whole("b", {2})}, {x}), output_role::logits);
    return std::move(b).build();
}

template <Constraint C>
std::string complaints_about(const C& constraint) {
    const std::vector<metric_id> ids{id_of<parameters>()};
    const std::vector<estimate> within{estimate::exact(8)}, beyond{estimate::exact(99)};
    const std::vector<metric_values> cases{{ids, within}, {ids, beyond}};
    return fmt::format("{}", fmt::join(testing::check_constraint(constraint, small_network(), cases), "\n"));
}

template <class F>
struct constraint_of {
    F f;
    [[nodiscard]] lathe::violation violation(const network& net, const metric_values& metrics) const {
        return f(net, metrics);
    }
};
template <class F>
constraint_of(F) -> constraint_of<F>;

}  // namespace

TEST_CASE("limits and vetoes conform") {
    CHECK(complaints_about(limit{id_of<parameters>(), bound::at_most, 10.0}).empty());
    CHECK(complaints_about(constraint_of{[](const network& net, const metric_values&) {
              return violation{net.nodes().size() > 5 ? 1.0 : 0.0};
          }}).empty());
}

TEST_CASE("the checks find what is wrong with a constraint") {
    CHECK_THAT(complaints_about(constraint_of{[](const network&, const metric_values& m) {
                   const estimate e = m.at(id_of<parameters>());
                   return violation{e.known() ? std::max(0.0, e.value - 10.0) : 0.0};
               }}),
               Contains("never measured counts as feasible"));
    CHECK_THAT(complaints_about(constraint_of{[](const network&, const metric_values& m) {
                   return violation{m.at(id_of<parameters>()).value - 10.0};
               }}),
               Contains("case 0 is negative or no number") && Contains("without metrics"));
    int calls = 0;
    CHECK_THAT(complaints_about(constraint_of{[&](const network&, const metric_values&) {
                   return violation{static_cast<double>(++calls)};
               }}),
               Contains("differs from call to call"));
}
