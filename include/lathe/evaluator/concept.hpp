// SPDX-License-Identifier: Apache-2.0
// What judges the quality of networks: all that the author of an evaluator must read.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/estimate.hpp"
#include "lathe/core/genotype.hpp"
#include "lathe/core/metric.hpp"

namespace lathe {

class network;

/// One member to be judged. `net` outlives the call.
struct candidate {
    std::uint64_t id = 0;
    genotype genes;
    const network* net = nullptr;
};

struct metric_estimate {
    metric_id id;
    estimate value;

    friend bool operator==(const metric_estimate& a, const metric_estimate& b) noexcept;
};

enum class evaluation_status : std::uint8_t { done, failed };

/// What became of one candidate. A failure is a value with a message; it never carries metrics.
struct evaluation {
    evaluation_status status = evaluation_status::done;
    std::vector<metric_estimate> metrics;
    std::string message;

    [[nodiscard]] static evaluation failure(std::string why) {
        return {evaluation_status::failed, {}, std::move(why)};
    }
    /// The exception that is being handled, whatever its type. Only within a catch block.
    [[nodiscard]] static evaluation current_failure() {
        try {
            throw;
        } catch (const std::exception& e) {
            return failure(e.what());
        } catch (...) {
            return failure("something was thrown that is no std::exception");
        }
    }
};

/// How much effort an evaluation is worth: 1 is everything, 0.25 about a quarter of the data.
struct fidelity {
    double effort = 1.0;

    friend bool operator==(const fidelity&, const fidelity&) = default;
};

enum class thread_safety : std::uint8_t {
    none,   ///< one thread at a time, over all objects of the type
    basic,  ///< one thread at a time for each object
    full    ///< any number of threads
};

/// `evaluate(candidates, f)` gives one evaluation per candidate, in their order. What goes wrong
/// with one candidate becomes its failure; an exception means that no candidate can be judged any
/// more. `metrics()` lists what a successful evaluation holds, without scenarios: what
/// depends on the deployment holds for the only scenario of a study. A type with
/// `using provided = metric_list<...>` is also checked when it is compiled.
template <class E>
concept Evaluator = requires(E& e, const E& constant, std::span<const candidate> c, fidelity f) {
    { e.evaluate(c, f) } -> std::same_as<std::vector<evaluation>>;
    { constant.metrics() } -> std::same_as<std::vector<metric_id>>;
    { E::safety } -> std::convertible_to<thread_safety>;
};

/// Does what becomes of one candidate depend on the others of the call? An evaluator for which it does
/// says so by a member judges_batches(); a study then gives it whole batches only.
template <Evaluator E>
[[nodiscard]] constexpr bool judges_batches(const E& evaluator) {
    if constexpr (requires { static_cast<bool>(evaluator.judges_batches()); }) {
        return evaluator.judges_batches();
    } else {
        return false;
    }
}

}  // namespace lathe
