// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/loader.hpp"

#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "core/thread_signals.hpp"

namespace lathe {
namespace {

/// One in the hands of the consumer, the others being prepared or ready.
constexpr std::uint64_t slots = 3;

struct slot {
    std::vector<float> images;
    std::vector<std::int32_t> labels;
    std::int32_t count = 0;
    batch_position position;
};

}  // namespace

/// A ring of slots: batch n is in slot n % slots. The producer fills batch `filled` while that does
/// not overwrite batch `taken - 1`, which the consumer may still read.
struct loader::state {
    state(batch_reader r, batch_position at) : reader(std::move(r)), expected(at) {
        const auto batch = static_cast<std::size_t>(reader.batch());
        for (auto& s : ring) {
            s.images.resize(batch * reader.shape().elements());
            s.labels.resize(batch);
        }
        thread = std::thread([this, at] { produce(at); });
    }
    ~state() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        changed.notify_all();
        thread.join();
    }

    void produce(batch_position at) {
        detail::block_asynchronous_signals();
        try {
            for (;; at = reader.following(at)) {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return stopping || filled + 1 < taken + slots; });
                if (stopping) return;
                slot& target = ring[filled % slots];
                lock.unlock();
                target.position = at;
                target.count = reader.read(at, target.images, target.labels);
                lock.lock();
                ++filled;
                lock.unlock();
                changed.notify_all();
            }
        } catch (...) {
            const std::lock_guard lock(mutex);
            failure = std::current_exception();
        }
        changed.notify_all();
    }

    image_batch next() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return filled > taken || failure; });
        if (filled == taken) std::rethrow_exception(failure);
        const slot& s = ring[taken % slots];
        ++taken;
        lock.unlock();
        changed.notify_all();
        expected = reader.following(s.position);
        const auto count = static_cast<std::size_t>(s.count);
        return {std::span(s.images).first(count * reader.shape().elements()),
                std::span(s.labels).first(count), s.count, s.position};
    }

    batch_reader reader;
    std::array<slot, slots> ring;
    batch_position expected;
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t filled = 0;  // batches that were prepared
    std::uint64_t taken = 0;   // batches that were handed out
    bool stopping = false;
    std::exception_ptr failure;
    std::thread thread;
};

loader::loader(batch_reader reader, batch_position start)
    : state_(std::make_unique<state>(std::move(reader), start)) {}
loader::~loader() = default;
loader::loader(loader&&) noexcept = default;
loader& loader::operator=(loader&&) noexcept = default;

image_batch loader::next() { return state_->next(); }
batch_position loader::position() const noexcept { return state_->expected; }
std::uint64_t loader::steps_per_epoch() const noexcept { return state_->reader.steps_per_epoch(); }

}  // namespace lathe
