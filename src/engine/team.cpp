// SPDX-License-Identifier: Apache-2.0
#include "engine/team.hpp"

#include <algorithm>
#include <exception>
#include <vector>

namespace lathe::detail {

void run_by_team(std::size_t jobs, int threads,
                 const std::function<void(std::size_t job)>& work) {
    if (jobs == 0) return;
    std::vector<std::exception_ptr> thrown(jobs);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::size_t job = 0; job < jobs; ++job) {
        try {
            work(job);
        } catch (...) {
            thrown[job] = std::current_exception();
        }
    }
    const auto first = std::ranges::find_if(thrown, [](const auto& e) { return e != nullptr; });
    if (first != thrown.end()) std::rethrow_exception(*first);
}

}  // namespace lathe::detail
