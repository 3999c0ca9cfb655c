// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/run_parallel.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace lathe::detail {
namespace {

/// Jobs are handed out in order, so whatever stops the others, the lowest job that throws was begun.
class job_queue {
public:
    job_queue(std::size_t jobs, const std::function<void(std::size_t, std::size_t)>& work)
        : jobs_(jobs), work_(work) {}

    void work_off(std::size_t worker) noexcept {
        for (std::size_t job = next(); job < jobs_; job = next()) {
            try {
                work_(worker, job);
            } catch (...) {
                const std::scoped_lock lock(mutex_);
                if (!thrown_ || job < thrower_) {
                    thrown_ = std::current_exception();
                    thrower_ = job;
                }
            }
        }
    }
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

private:
    std::size_t next() noexcept {
        const std::scoped_lock lock(mutex_);
        return thrown_ ? jobs_ : std::min(jobs_, next_++);
    }

    std::size_t jobs_;
    const std::function<void(std::size_t, std::size_t)>& work_;
    std::mutex mutex_;
    std::size_t next_ = 0;
    std::size_t thrower_ = 0;
    std::exception_ptr thrown_;
};

}  // namespace

void run_parallel(std::size_t jobs, std::size_t workers,
                  const std::function<void(std::size_t worker, std::size_t job)>& work) {
    job_queue queue(jobs, work);
    {
        std::vector<std::jthread> threads;
        try {
            for (std::size_t w = 1; w < std::min(workers, jobs); ++w) {
                threads.emplace_back([&queue, w] { queue.work_off(w); });
            }
        } catch (const std::system_error&) {  // the machine has no more threads
        }
        queue.work_off(0);
    }
    queue.rethrow();
}

}  // namespace lathe::detail
