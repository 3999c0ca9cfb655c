// SPDX-License-Identifier: Apache-2.0
// Several candidates at the same time, as far as the evaluator allows it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/run_parallel.hpp"
#include "lathe/evaluator/checks.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/evaluator/provided.hpp"

namespace lathe {

/// Hands out candidates one by one to threads that begin and end with each call. An evaluator with
/// thread_safety::full is shared by all threads; with thread_safety::basic each thread needs an object
/// of its own; with thread_safety::none this does not compile. The objects must outlive it. The results
/// do not depend on the number of threads if those of the evaluator depend on the candidate alone.
template <Evaluator Inner>
    requires(Inner::safety != thread_safety::none)
class parallel_evaluator : public detail::provided_of<Inner> {
public:
    static constexpr thread_safety safety =
        Inner::safety == thread_safety::full ? thread_safety::full : thread_safety::basic;

    /// One thread for each object. Throws bad_input without any, and for one that judges whole
    /// batches.
    explicit parallel_evaluator(std::span<Inner> objects) {
        if (objects.empty()) refuse("no evaluator");
        for (Inner& one : objects) {
            detail::check_judges_alone(one, "parallel_evaluator");
            workers_.push_back(&one);
        }
    }
    /// One object for all threads. Throws bad_input for 0 threads, and for one that judges whole
    /// batches.
    parallel_evaluator(Inner& shared, std::size_t threads)
        requires(Inner::safety == thread_safety::full)
        : workers_(threads, &shared) {
        if (threads == 0) refuse("0 threads");
        detail::check_judges_alone(shared, "parallel_evaluator");
    }

    [[nodiscard]] std::vector<metric_id> metrics() const {
        return std::as_const(*workers_.front()).metrics();
    }

    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity f) {
        std::vector<evaluation> results(candidates.size());
        detail::run_parallel(candidates.size(), workers_.size(),
                             [&](std::size_t worker, std::size_t job) {
                                 auto one = workers_[worker]->evaluate(candidates.subspan(job, 1), f);
                                 detail::check_count(one.size(), 1);
                                 results[job] = std::move(one.front());
                             });
        return results;
    }

private:
    [[noreturn]] static void refuse(const char* problem) {
        throw error(errc::bad_input, "parallel_evaluator", problem, "give at least one");
    }

    std::vector<Inner*> workers_;
};

}  // namespace lathe
