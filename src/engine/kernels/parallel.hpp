// SPDX-License-Identifier: Apache-2.0
// A loop over the ambient number of OpenMP threads.
#pragma once

#include <omp.h>

#include <cstdint>

namespace lathe::kernels {

/// body(i) for 0 <= i < count; every i is done by one thread, in blocks of consecutive i. A plain loop
/// where there is one thread (a parallel region would take a team from the heap at every call) or
/// where it is not `worth_it`.
template <class Body>
void parallel_for(std::int64_t count, const Body& body, bool worth_it = true) {
    if (count < 2 || !worth_it || omp_get_max_threads() == 1) {
        for (std::int64_t i = 0; i < count; ++i) body(i);
        return;
    }
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace lathe::kernels
