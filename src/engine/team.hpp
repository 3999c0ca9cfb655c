// SPDX-License-Identifier: Apache-2.0
// Independent jobs for the OpenMP threads that also run the kernels: others would have to compete with
// these, which spin for a while after each kernel.
#pragma once

#include <cstddef>
#include <functional>

namespace lathe::detail {

/// Calls work(job) once for every job below `jobs`, by at most so many threads. The exception of the
/// lowest job that throws is thrown, after all others are done. oneDNN takes a job for a program of one
/// thread.
void run_by_team(std::size_t jobs, int threads,
                 const std::function<void(std::size_t job)>& work);

}  // namespace lathe::detail
