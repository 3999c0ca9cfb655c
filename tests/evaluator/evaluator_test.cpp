// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <limits>
#include <stdexcept>

#include "lathe/core/error.hpp"
#include "lathe/evaluator/cached.hpp"
#include "lathe/evaluator/function.hpp"
#include "lathe/evaluator/tabular.hpp"

namespace lathe {
namespace {

network linear_network(std::int64_t features, const std::string& tensor) {
    network_builder b;
    const value_id x = b.input("x", vector_type(features));
    const value_id y =
        b.add("fc", linear_op{whole(tensor, {2, features}), whole(tensor + "_b", {2})}, {x});
    b.output(y, output_role::logits);
    return std::move(b).build();
}

/// Counts the candidates that reach it.
struct counting_evaluator {
    using provided = metric_list<accuracy>;
    static constexpr thread_safety safety = thread_safety::basic;
    int calls = 0;
    bool fail = false;
    std::size_t missing = 0;  ///< evaluations too few

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity f) {
        calls += static_cast<int>(c.size());
        std::vector<evaluation> result;
        for (const candidate& one : c) {
            if (fail) {
                result.push_back(evaluation::failure("no luck"));
            } else {
                const double value = f.effort * static_cast<double>(one.net->nodes().size());
                result.push_back(
                    {evaluation_status::done, {{id_of<accuracy>(), estimate::exact(value)}}, {}});
            }
        }
        result.resize(result.size() - missing);
        return result;
    }
};
static_assert(Evaluator<counting_evaluator>);
static_assert(Evaluator<cached_evaluator<counting_evaluator>>);
static_assert(cached_evaluator<counting_evaluator>::provided::contains<accuracy>);

struct no_metrics {
    static constexpr thread_safety safety = thread_safety::none;
    [[nodiscard]] static std::vector<evaluation> evaluate(std::span<const candidate>, fidelity);
};
static_assert(!Evaluator<no_metrics>);

TEST_CASE("function_evaluator turns what its function does into values") {
    int call = 0;
    auto e = evaluator_of<accuracy>([&](const candidate&) {
        switch (call++) {
            case 0:
                return 0.5;
            case 1:
                return std::numeric_limits<double>::quiet_NaN();
            case 2:
                throw std::runtime_error("out of memory");
            case 3:
                throw 42;
            default:
                return std::numeric_limits<double>::infinity();
        }
    });
    static_assert(Evaluator<decltype(e)>);
    const std::vector<candidate> five(5);
    const auto result = e.evaluate(five, {});
    REQUIRE(result.size() == 5);
    REQUIRE(result[0].status == evaluation_status::done);
    CHECK(result[0].metrics[0].id == id_of<accuracy>());
    CHECK(result[0].metrics[0].value.value == 0.5);
    for (std::size_t i = 1; i < 5; ++i) {
        CHECK(result[i].status == evaluation_status::failed);
        CHECK(result[i].metrics.empty());
    }
    CHECK(result[1].message.find("accuracy") != std::string::npos);
    CHECK(result[2].message == "out of memory");
    CHECK(result[3].message.find("no std::exception") != std::string::npos);
    CHECK(e.evaluate({}, {}).empty());
}

TEST_CASE("tabular_evaluator knows its rows and nothing else") {
    tabular_evaluator table({id_of<accuracy>(), id_of<parameters>()});
    table.add({{0, 1}}, std::vector{0.7, 10.0});
    table.add({{1, 1}}, std::vector{0.8, 20.0});
    CHECK(table.size() == 2);
    const std::vector<candidate> asked = {{7, {{1, 1}}, nullptr}, {8, {{1, 0}}, nullptr}};
    const auto result = table.evaluate(asked, {});
    REQUIRE(result.size() == 2);
    REQUIRE(result[0].metrics.size() == 2);
    CHECK(result[0].metrics[1].value.value == 20.0);
    CHECK(result[0].metrics[1].value.source == provenance::table);
    CHECK(result[1].status == evaluation_status::failed);
    CHECK(result[1].message.find("1.0") != std::string::npos);

    CHECK_THROWS_AS(table.add({{0, 1}}, std::vector{0.7, 10.0}), error);
    CHECK_THROWS_AS(table.add({{0, 2}}, std::vector{0.7}), error);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(table.add({{0, 3}}, std::vector{nan, 1.0}), error);
    CHECK(table.size() == 2);
}

TEST_CASE("cached_evaluator asks once for equal networks and again after a failure") {
    const network a = linear_network(3, "w");
    const network same = linear_network(3, "w");
    const network other = linear_network(3, "v");
    counting_evaluator inner;
    cached_evaluator cached(inner);
    const std::vector<candidate> asked = {{1, {}, &a}, {2, {}, &same}, {3, {}, &other}};

    const auto first = cached.evaluate(asked, {});
    CHECK(inner.calls == 2);
    CHECK(first[0].metrics == first[1].metrics);
    const auto second = cached.evaluate(asked, {});
    CHECK(inner.calls == 2);
    CHECK(second[2].metrics == first[2].metrics);
    CHECK(cached.hits() == 4);

    const auto half = cached.evaluate({asked.data(), 1}, {0.5});
    CHECK(inner.calls == 3);
    CHECK(half[0].metrics[0].value.value == 0.5 * first[0].metrics[0].value.value);

    inner.fail = true;
    cached_evaluator unlucky(inner);
    const auto failed = unlucky.evaluate(asked, {});
    CHECK(failed[1].status == evaluation_status::failed);
    CHECK(inner.calls == 5);
    CHECK(unlucky.hits() == 0);
    inner.fail = false;
    CHECK(unlucky.evaluate(asked, {})[1].status == evaluation_status::done);
    CHECK(unlucky.hits() == 1);

    const std::vector<candidate> empty = {{9, {}, nullptr}};
    CHECK_THROWS_WITH(cached.evaluate(empty, {}), Catch::Contains("candidate 9"));
    inner.missing = 1;
    CHECK_THROWS_WITH(cached.evaluate(asked, {0.25}), Catch::Contains("1 evaluations for 2"));
}

}  // namespace
}  // namespace lathe
