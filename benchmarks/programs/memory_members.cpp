// SPDX-License-Identifier: Apache-2.0
// usage: memory_members MEMBERS BATCH...
//
// Runs members of mobile32 in an arena of exactly the predicted size that lies between guard pages,
// every byte poisoned before. Prints one JSON line for each member and batch; a program that leaves
// its arena dies.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

#include "counted_heap.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/format/json.hpp"
#include "networks.hpp"

namespace {

using namespace lathe;

constexpr std::byte poison{0xA5};

/// Mapped bytes whose ends touch pages that must not be read or written.
class guarded_memory {
public:
    explicit guarded_memory(std::size_t bytes)
        : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
          size_((bytes + page_ - 1) / page_ * page_),
          base_(mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        auto* const first = static_cast<std::byte*>(base_) + page_;
        if (base_ == MAP_FAILED || mprotect(first, size_, PROT_READ | PROT_WRITE) != 0) {
            throw std::bad_alloc();
        }
        used_ = {first + size_ - bytes, bytes};
    }
    ~guarded_memory() { munmap(base_, size_ + 2 * page_); }
    guarded_memory(const guarded_memory&) = delete;
    guarded_memory& operator=(const guarded_memory&) = delete;

    /// The last byte is the last before a guard page.
    [[nodiscard]] std::span<std::byte> bytes() const { return used_; }

private:
    std::size_t page_, size_;
    void* base_;
    std::span<std::byte> used_;
};

/// Bytes that belong to no buffer of the plan and were written.
std::size_t bytes_outside(const program& p, std::span<const std::byte> arena) {
    std::vector<bool> planned(arena.size(), false);
    for (std::size_t b = 0; b < p.buffers.size(); ++b) {
        const auto begin = planned.begin() + p.plan.offsets[b];
        std::fill(begin, begin + p.buffers[b].bytes, true);
    }
    std::size_t outside = 0;
    for (std::size_t i = 0; i < arena.size(); ++i) outside += !planned[i] && arena[i] != poison;
    return outside;
}

std::int64_t bytes_in_use() { return static_cast<std::int64_t>(mallinfo2().uordblks); }

json_object run_member(const network& net, std::int32_t batch) {
    const deployment target{.batch = batch};
    const program predicted = compile(net, target);
    const guarded_memory memory(static_cast<std::size_t>(predicted.arena_bytes().value));
    executor run(net, arbitrary_weights(), calibrated_statistics::neutral(net), target,
                 memory.bytes());
    std::ranges::fill(memory.bytes(), poison);
    std::ranges::fill(run.input(), 0.5F);
    run.run();
    const std::size_t outside = bytes_outside(run.plan(), memory.bytes());
    std::ranges::fill(run.input(), 0.5F);
    const std::int64_t before = bytes_in_use();
    benchmarks::count_heap();
    run.run();
    const std::size_t taken = benchmarks::counted_bytes();
    return {{"batch", batch},
            {"predicted", predicted.arena_bytes().value},
            {"mapped", run.plan().arena_bytes().value},
            {"written_outside", outside},
            {"heap_taken", taken},
            {"heap_retained", bytes_in_use() - before}};
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        fmt::print(stderr, "usage: memory_members MEMBERS BATCH...\n");
        return 2;
    }
    try {
        const mobile_space space(mobile32());
        const auto members = std::strtoull(arguments[1], nullptr, 10);
        for (std::uint64_t i = 0; i < members; ++i) {
            const network net = benchmarks::fixed_member(space, i);
            for (int a = 2; a < count; ++a) {
                json_object row = run_member(net, std::atoi(arguments[a]));
                row["member"] = i;
                fmt::print("{}\n", to_json(row));
            }
        }
    } catch (const std::exception& e) {
        fmt::print(stderr, "memory_members: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
