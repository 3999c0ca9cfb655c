// SPDX-License-Identifier: Apache-2.0
// An arena that shows every access beyond its ends and every write into its gaps: for tests and for
// the figures of memory.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <vector>

#include "lathe/network/program.hpp"

/// Memory of exactly `bytes` whose end touches a page that must not be read or written, and whose
/// start is as near to another one as alignment allows.
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
        used_ = std::span(first + size_ - bytes, bytes);
    }
    ~guarded_memory() { munmap(base_, size_ + 2 * page_); }
    guarded_memory(const guarded_memory&) = delete;
    guarded_memory& operator=(const guarded_memory&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return used_; }

private:
    std::size_t page_, size_;
    void* base_;
    std::span<std::byte> used_;
};

constexpr std::byte poison{0xA5};

/// Where bytes of the arena belong to no buffer of the plan and are not poison any more. Precondition:
/// all buffers end within the arena.
inline std::vector<std::size_t> written_outside(const lathe::program& p,
                                                std::span<const std::byte> arena) {
    std::vector<bool> planned(arena.size(), false);
    for (std::size_t b = 0; b < p.buffers.size(); ++b) {
        const auto begin = planned.begin() + p.plan.offsets[b];
        std::fill(begin, begin + p.buffers[b].bytes, true);
    }
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < planned.size(); ++i) {
        if (!planned[i] && arena[i] != poison) places.push_back(i);
    }
    return places;
}
