// SPDX-License-Identifier: Apache-2.0
// What a library must leave to its caller as it was.
#pragma once

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <xmmintrin.h>

#include <cfenv>
#include <clocale>
#include <csignal>
#include <string>
#include <vector>

struct process_state {
    int threads = omp_get_max_threads();
    int dynamic = omp_get_dynamic();
    unsigned float_mode = _mm_getcsr() & ~0x3FU;  // without the sticky exception flags
    int rounding = std::fegetround();
    std::string locale = std::setlocale(LC_ALL, nullptr);
    std::vector<bool> affinity;
    std::vector<void*> handlers;
    std::vector<bool> blocked;

    process_state() {
        cpu_set_t cores;
        sched_getaffinity(0, sizeof cores, &cores);
        for (int i = 0; i < CPU_SETSIZE; ++i) affinity.push_back(CPU_ISSET(i, &cores) != 0);
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (const int signal : {SIGINT, SIGTERM, SIGSEGV, SIGFPE, SIGCHLD, SIGPIPE, SIGUSR1}) {
            struct sigaction action{};
            sigaction(signal, nullptr, &action);
            handlers.push_back(reinterpret_cast<void*>(action.sa_handler));
            blocked.push_back(sigismember(&mask, signal) == 1);
        }
    }
    friend bool operator==(const process_state&, const process_state&) = default;
};

/// Does `work` leave settings that nobody but this caller has as they are?
template <class Work>
bool leaves_process_state(Work work) {
    // OpenMP's workers keep the floating-point mode in which they were made; make them in the usual
    // one.
    const process_state untouched;
    work();
    const process_state after_first;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(3);
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | _MM_FLUSH_ZERO_ON);
    std::fesetround(FE_UPWARD);
    const process_state before;
    work();
    const process_state after;
    _mm_setcsr(mode);
    std::fesetround(FE_TONEAREST);
    omp_set_num_threads(threads);
    return untouched == after_first && before == after;
}
