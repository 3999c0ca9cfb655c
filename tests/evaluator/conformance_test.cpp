// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <limits>
#include <stdexcept>

#include "lathe/evaluator/function.hpp"
#include "lathe/testing/evaluator.hpp"

using namespace lathe;
using Catch::Matchers::Contains;

namespace {

std::vector<candidate> some_candidates() {
    std::vector<candidate> all;
    for (std::uint16_t i = 0; i < 5; ++i) all.push_back({i, {{i}}, nullptr});
    return all;
}

/// Wrong in one way.
struct faulty {
    enum class fault { none, no_metrics, too_few, neighbours, no_message, infinite };
    fault kind = fault::none;
    static constexpr thread_safety safety = thread_safety::none;

    [[nodiscard]] std::vector<metric_id> metrics() const {
        if (kind == fault::no_metrics) return {};
        return {id_of<accuracy>()};
    }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity) const {
        std::vector<evaluation> all;
        for (std::size_t i = 0; i < c.size(); ++i) {
            double value = 0.5;
            if (kind == fault::neighbours) value = 1.0 / static_cast<double>(1 + c.size());
            evaluation e{evaluation_status::done, {{id_of<accuracy>(), estimate::exact(value)}}, {}};
            if (kind == fault::no_metrics) e.metrics.clear();
            if (kind == fault::infinite) e.metrics[0].value.high = std::numeric_limits<double>::infinity();
            if (kind == fault::no_message) e = evaluation::failure("");
            all.push_back(e);
        }
        if (kind == fault::too_few && !all.empty()) all.pop_back();
        return all;
    }
};

std::string complaints_about(faulty::fault kind) {
    faulty evaluator{kind};
    const auto candidates = some_candidates();
    return fmt::format("{}", fmt::join(testing::check_evaluator(evaluator, candidates), "\n"));
}

}  // namespace

TEST_CASE("a function as an evaluator conforms, failures included") {
    auto evaluator = evaluator_of<accuracy>([](const candidate& c) {
        if (c.id == 2) throw std::runtime_error("no weights");
        return 0.1 * static_cast<double>(c.id);
    });
    const auto candidates = some_candidates();
    CHECK(testing::check_evaluator(evaluator, candidates).empty());
}

TEST_CASE("the checks find what is wrong with an evaluator") {
    using enum faulty::fault;
    CHECK(complaints_about(none).empty());
    CHECK_THAT(complaints_about(no_metrics), Contains("metrics() is empty"));
    CHECK_THAT(complaints_about(too_few), Contains("not one evaluation for each"));
    CHECK_THAT(complaints_about(neighbours), Contains("depends on the other candidates"));
    CHECK_THAT(complaints_about(no_message), Contains("failed without a message"));
    CHECK_THAT(complaints_about(infinite), Contains("known but not finite"));
}
