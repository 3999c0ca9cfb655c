// SPDX-License-Identifier: Apache-2.0
// The caller's own function as an evaluator.
#pragma once

#include <concepts>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "lathe/core/metric.hpp"
#include "lathe/evaluator/concept.hpp"

namespace lathe {

namespace detail {

/// A finite value becomes an exact estimate of the metric, anything else a failure that names it.
[[nodiscard]] evaluation evaluation_of(const metric_id& id, double value);

}  // namespace detail

/// Judges by `f(candidate) -> double`, one candidate at a time. What f throws, whatever its type,
/// and what is no finite number becomes that candidate's failure.
template <class Metric, class F>
    requires std::convertible_to<std::invoke_result_t<F&, const candidate&>, double>
class function_evaluator {
public:
    using provided = metric_list<Metric>;
    static constexpr thread_safety safety = thread_safety::basic;

    explicit function_evaluator(F f) : f_(std::move(f)) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity) {
        std::vector<evaluation> result;
        result.reserve(candidates.size());
        for (const candidate& c : candidates) {
            try {
                result.push_back(detail::evaluation_of(id_of<Metric>(), f_(c)));
            } catch (...) {
                result.push_back(evaluation::current_failure());
            }
        }
        return result;
    }

private:
    F f_;
};

/// evaluator_of<accuracy>([](const candidate& c) { return ...; })
template <class Metric, class F>
[[nodiscard]] function_evaluator<Metric, F> evaluator_of(F f) {
    return function_evaluator<Metric, F>(std::move(f));
}

}  // namespace lathe
