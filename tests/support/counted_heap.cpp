// SPDX-License-Identifier: Apache-2.0
#include "support/counted_heap.hpp"

#include <malloc.h>

#include <atomic>
#include <cerrno>

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> bytes_taken{0};
std::atomic<std::size_t> blocks_taken{0};
std::ptrdiff_t in_use_before = 0;

std::ptrdiff_t in_use() { return static_cast<std::ptrdiff_t>(mallinfo2().uordblks); }

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // which has a heap of its own
static std::size_t note(std::size_t bytes) {
    if (counting.load(std::memory_order_relaxed)) {
        bytes_taken += bytes;
        ++blocks_taken;
    }
    return bytes;
}

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t bytes) { return __libc_malloc(note(bytes)); }
void* calloc(std::size_t n, std::size_t bytes) {
    note(n * bytes);
    return __libc_calloc(n, bytes);
}
void* realloc(void* p, std::size_t bytes) { return __libc_realloc(p, note(bytes)); }
void* memalign(std::size_t alignment, std::size_t bytes) {
    return __libc_memalign(alignment, note(bytes));
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return __libc_memalign(alignment, note(bytes));
}
int posix_memalign(void** p, std::size_t alignment, std::size_t bytes) {
    *p = __libc_memalign(alignment, note(bytes));
    return *p == nullptr ? ENOMEM : 0;
}
void free(void* p) { __libc_free(p); }
}
#endif

void count_heap() {
    in_use_before = in_use();
    bytes_taken = blocks_taken = 0;
    counting = true;
}

heap_use counted_heap() {
    counting = false;
    return {bytes_taken, blocks_taken, in_use() - in_use_before};
}
