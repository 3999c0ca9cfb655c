// SPDX-License-Identifier: Apache-2.0
// Whoever links the engine finds the process as it was.
#include <catch2/catch.hpp>
#include <cfenv>
#include <clocale>
#include <csignal>
#include <oneapi/dnnl/dnnl.hpp>
#include <omp.h>
#include <map>
#include <sched.h>
#include <string>
#include <vector>
#include <xmmintrin.h>

#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/engine/network_timing.hpp"
#include "lathe/engine/training_pass.hpp"
#include "reference/layout.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

struct process_state {
    int threads = omp_get_max_threads();
    int dynamic = omp_get_dynamic();
    unsigned float_mode = _mm_getcsr() & ~0x3FU;  // without the sticky exception flags
    int rounding = std::fegetround();
    std::string locale = std::setlocale(LC_ALL, nullptr);
    int primitive_cache = dnnl::get_primitive_cache_capacity();
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
            struct sigaction action {};
            sigaction(signal, nullptr, &action);
            handlers.push_back(reinterpret_cast<void*>(action.sa_handler));
            blocked.push_back(sigismember(&mask, signal) == 1);
        }
    }
    friend bool operator==(const process_state&, const process_state&) = default;
};

void use_the_engine() {
    const network net = reference::random_network(rng(9), 8, reference::outputs::logits);
    const auto statistics = reference::random_statistics(net, rng(9));
    (void)compile(net, {.batch = 2, .threads = 2});
    executor run(net, reference::unit_weights(), statistics, {.threads = 2});
    std::ranges::fill(run.input(), 0.25F);
    run.run();
    (void)run.time_steps(2);
    timing_options quick;
    quick.samples = 20;
    quick.rounds = 2;
    quick.max_warm_up_seconds = 0.01;
    quick.min_warm_up_seconds = 0.001;
    (void)time_networks(std::span(&net, 1), {.threads = 1, .streams = 2}, quick);

    std::map<std::string, std::vector<float>> values, gradients;
    const parameter_access access = [&](const param_ref& ref) {
        const auto size = static_cast<std::size_t>(element_count(whole(ref.tensor, ref.full_shape)));
        values[ref.tensor].resize(size, 0.1F);
        gradients[ref.tensor].resize(size);
        return parameter_memory{values[ref.tensor].data(), gradients[ref.tensor].data()};
    };
    training_pass pass(2);
    const auto images = reference::random_input(net, 2, rng(1));
    const auto logits = pass.forward(net, access, images, 2);
    pass.backward(std::vector<float>(logits.size(), 1.0F));
}

}  // namespace

TEST_CASE("the caller's settings are the same before and after") {
    // OpenMP's workers keep the floating-point mode in which they were made; make them in the usual one.
    use_the_engine();
    const int threads = omp_get_max_threads();
    omp_set_num_threads(3);
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | _MM_FLUSH_ZERO_ON);
    std::fesetround(FE_UPWARD);
    const process_state before;
    use_the_engine();
    const process_state after;
    CHECK(before == after);
    _mm_setcsr(mode);
    std::fesetround(FE_TONEAREST);
    omp_set_num_threads(threads);
}
