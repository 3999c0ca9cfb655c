// SPDX-License-Identifier: Apache-2.0
#include "core/thread_signals.hpp"

#include <signal.h>

#include <initializer_list>

namespace lathe::detail {

void block_asynchronous_signals() noexcept {
    sigset_t set;
    sigfillset(&set);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        sigdelset(&set, fault);
    }
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace lathe::detail
