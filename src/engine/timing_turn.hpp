// SPDX-License-Identifier: Apache-2.0
// What the streams do while one task has its turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace lathe::detail {

/// Monotonic, unaffected by a wall clock that is set.
[[nodiscard]] std::int64_t monotonic_ns() noexcept;

struct warm_up_limits {
    double min_seconds = 0.0;
    double max_seconds = 0.0;
};

struct warm_up_result {
    double first_call_ns = 0.0;
    bool stationary = false;
};

/// Shared by the streams of one turn. None of its members throws what the task throws; the first such
/// exception ends the turn for every stream.
class turn {
public:
    turn(const std::function<void(int)>& call, int streams, std::stop_token stop,
         std::int64_t deadline_ns)
        : call_(call), streams_(streams), stop_(std::move(stop)), deadline_ns_(deadline_ns) {}

    /// Stream 0 calls until the medians of three windows in a row agree, or a limit is reached.
    [[nodiscard]] warm_up_result lead_warm_up(const warm_up_limits& limits);
    /// The other streams keep the load up meanwhile.
    void follow_warm_up(int stream);

    /// Appends up to `calls` times in ns, fewer where the turn ends early.
    void record(int stream, int calls, std::vector<double>& samples);

    /// What the task threw, empty if nothing. Call it when the streams have returned.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    template <class Body>
    void guarded(Body body);
    [[nodiscard]] bool over() const;
    double timed_call(int stream);
    void fail(std::string what);

    const std::function<void(int)>& call_;
    int streams_;
    std::stop_token stop_;
    std::int64_t deadline_ns_;
    std::atomic<int> under_way_{0};
    std::atomic<int> done_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::string failure_;
};

}  // namespace lathe::detail
