// SPDX-License-Identifier: Apache-2.0
// Independent jobs on threads that begin and end with the call.
#pragma once

#include <cstddef>
#include <functional>

namespace lathe::detail {

/// Calls work(worker, job) once for every job below `jobs`, jobs in ascending order, each worker one
/// at a time; the caller's thread is worker 0. After an exception no further job is begun, and that of
/// the lowest job is thrown. With fewer threads than workers to be had it only takes longer.
void run_parallel(std::size_t jobs, std::size_t workers,
                  const std::function<void(std::size_t worker, std::size_t job)>& work);

}  // namespace lathe::detail
