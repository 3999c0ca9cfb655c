// SPDX-License-Identifier: Apache-2.0
// The caller threads of a measurement.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace lathe::detail {

/// Threads that wait for work. They block asynchronous signals, so that the process's handlers run on
/// the threads it had before.
class stream_team {
public:
    /// One thread per element, confined to the cores in it where it is not empty.
    /// Throws unsupported when the operating system gives no more threads.
    explicit stream_team(const std::vector<std::vector<int>>& cores);
    ~stream_team();
    stream_team(const stream_team&) = delete;
    stream_team& operator=(const stream_team&) = delete;

    /// Calls work(stream) on every thread at once; returns when all have returned. `work` must not
    /// throw.
    void run(const std::function<void(int stream)>& work);

    /// Every thread was confined as asked. False where it was not asked.
    [[nodiscard]] bool pinned() const noexcept { return pinned_; }

private:
    void serve(const std::stop_token& stop, int stream);

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::condition_variable_any finished_;
    const std::function<void(int)>* work_ = nullptr;
    std::uint64_t turn_ = 0;
    int busy_ = 0;
    bool pinned_ = false;
    std::vector<std::jthread> threads_;  // last: stops and joins before the rest is destroyed
};

}  // namespace lathe::detail
