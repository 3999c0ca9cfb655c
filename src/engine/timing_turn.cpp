// SPDX-License-Identifier: Apache-2.0
#include "engine/timing_turn.hpp"

#include <chrono>
#include <cmath>
#include <exception>
#include <thread>

#include "lathe/core/order_statistics.hpp"

namespace lathe::detail {
namespace {

/// Tells when the medians of consecutive windows have stopped moving.
class settling {
public:
    void add(double sample) {
        window_.push_back(sample);
        if (window_.size() < window) return;
        const double now = median(window_);
        settled_ = std::abs(now - last_) < tolerance * last_ ? settled_ + 1 : 0;
        last_ = now;
        window_.clear();
    }
    [[nodiscard]] bool settled() const noexcept { return settled_ >= agreements; }

private:
    static constexpr std::size_t window = 10;
    static constexpr double tolerance = 0.02;
    static constexpr int agreements = 2;

    std::vector<double> window_;
    double last_ = 0.0;
    int settled_ = 0;
};

}  // namespace

std::int64_t monotonic_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

bool turn::over() const {
    return failed_ || stop_.stop_requested() || monotonic_ns() >= deadline_ns_;
}

double turn::timed_call(int stream) {
    const std::int64_t start = monotonic_ns();
    call_(stream);
    return static_cast<double>(monotonic_ns() - start);
}

void turn::fail(std::string what) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = what.empty() ? "unknown exception" : std::move(what);
    failed_ = true;
}

template <class Body>
void turn::guarded(Body body) {
    try {
        body();
    } catch (const std::exception& e) {
        fail(e.what());
    } catch (...) {
        fail({});
    }
}

warm_up_result turn::lead_warm_up(const warm_up_limits& limits) {
    warm_up_result result;
    guarded([&] {
        settling calls;
        const std::int64_t start = monotonic_ns();
        result.first_call_ns = timed_call(0);
        while (!over()) {
            const double seconds = static_cast<double>(monotonic_ns() - start) * 1e-9;
            result.stationary = calls.settled();
            if (seconds >= limits.max_seconds) break;
            if (result.stationary && seconds >= limits.min_seconds) break;
            calls.add(timed_call(0));
        }
    });
    ++done_;
    return result;
}

void turn::follow_warm_up(int stream) {
    guarded([&] {
        do {
            call_(stream);
        } while (done_ == 0 && !over());
    });
}

void turn::record(int stream, int calls, std::vector<double>& samples) {
    guarded([&] {
        call_(stream);
        ++under_way_;
        while (under_way_ < streams_ && !over()) {
            std::this_thread::yield();  // with more streams than cores, the others need this core
            call_(stream);
        }
        for (int i = 0; i < calls && !over(); ++i) samples.push_back(timed_call(stream));
        ++done_;
        while (done_ < streams_ && !over()) call_(stream);
    });
}

}  // namespace lathe::detail
