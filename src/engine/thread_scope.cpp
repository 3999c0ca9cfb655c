// SPDX-License-Identifier: Apache-2.0
#include "engine/thread_scope.hpp"

#include <omp.h>

namespace lathe::detail {

thread_scope::thread_scope(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
}

thread_scope::~thread_scope() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
}

}  // namespace lathe::detail
