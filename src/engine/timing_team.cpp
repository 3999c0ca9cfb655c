// SPDX-License-Identifier: Apache-2.0
#include "engine/timing_team.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <system_error>

#include "core/thread_signals.hpp"
#include "lathe/core/error.hpp"

namespace lathe::detail {
namespace {

bool confine_this_thread(const std::vector<int>& cores) {
    if (cores.empty()) return false;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace

stream_team::stream_team(const std::vector<std::vector<int>>& cores) {
    for (std::size_t s = 0; s < cores.size(); ++s) {
        try {
            threads_.emplace_back(
                [this, s](const std::stop_token& stop) { serve(stop, static_cast<int>(s)); });
        } catch (const std::system_error& e) {
            throw error(errc::unsupported, "timing",
                        fmt::format("thread {} of {} streams cannot be made: {}", s + 1,
                                    cores.size(), e.what()),
                        "ask for fewer streams");
        }
    }
    std::atomic<bool> all{true};
    run([&](int stream) {
        block_asynchronous_signals();
        if (!confine_this_thread(cores[static_cast<std::size_t>(stream)])) all = false;
    });
    pinned_ = all;
}

stream_team::~stream_team() = default;

void stream_team::run(const std::function<void(int)>& work) {
    std::unique_lock lock(mutex_);
    work_ = &work;
    busy_ = static_cast<int>(threads_.size());
    ++turn_;
    wake_.notify_all();
    finished_.wait(lock, [this] { return busy_ == 0; });
}

void stream_team::serve(const std::stop_token& stop, int stream) {
    std::uint64_t served = 0;
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [&] { return turn_ != served; })) {
        served = turn_;
        const auto* work = work_;
        lock.unlock();
        (*work)(stream);
        lock.lock();
        if (--busy_ == 0) finished_.notify_all();
    }
}

}  // namespace lathe::detail
