// SPDX-License-Identifier: Apache-2.0
// An arena that shows every access beyond its ends and every write into its gaps.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
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
          base_(static_cast<std::byte*>(mmap(nullptr, size_ + 2 * page_, PROT_NONE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        REQUIRE(mprotect(base_ + page_, size_, PROT_READ | PROT_WRITE) == 0);
        used_ = std::span(base_ + page_ + size_ - bytes, bytes);
    }
    ~guarded_memory() { munmap(base_, size_ + 2 * page_); }
    guarded_memory(const guarded_memory&) = delete;
    guarded_memory& operator=(const guarded_memory&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return used_; }

private:
    std::size_t page_, size_;
    std::byte* base_;
    std::span<std::byte> used_;
};

constexpr std::byte poison{0xA5};

/// Fails at a byte that belongs to no buffer of the plan and is not poison any more.
inline void check_gaps(const lathe::program& plan, std::span<const std::byte> arena) {
    std::vector<bool> planned(arena.size(), false);
    for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
        const auto begin = static_cast<std::size_t>(plan.plan.offsets[b]);
        const auto end = begin + static_cast<std::size_t>(plan.buffers[b].bytes);
        REQUIRE(end <= planned.size());
        std::fill(planned.begin() + static_cast<std::ptrdiff_t>(begin),
                  planned.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    for (std::size_t i = 0; i < planned.size(); ++i) {
        if (!planned[i] && arena[i] != poison) {
            FAIL("byte " << i << " is in no buffer but was written");
        }
    }
}
