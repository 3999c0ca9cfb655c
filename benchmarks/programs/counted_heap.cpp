// SPDX-License-Identifier: Apache-2.0
#include "counted_heap.hpp"

#include <atomic>
#include <cerrno>

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> bytes_taken{0};

std::size_t note(std::size_t bytes) {
    if (counting.load(std::memory_order_relaxed)) bytes_taken += bytes;
    return bytes;
}

}  // namespace

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

namespace lathe::benchmarks {

void count_heap() {
    bytes_taken = 0;
    counting = true;
}

std::size_t counted_bytes() {
    counting = false;
    return bytes_taken;
}

}  // namespace lathe::benchmarks
