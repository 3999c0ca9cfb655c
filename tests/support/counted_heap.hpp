// SPDX-License-Identifier: Apache-2.0
// Counts what a piece of code takes from the heap: for tests and for the figures of memory. Linking
// counted_heap.cpp replaces the program's allocator.
#pragma once

#include <cstddef>

struct heap_use {
    std::size_t bytes;   ///< that malloc and its relatives were asked for, on all threads
    std::size_t blocks;  ///< how often
    std::ptrdiff_t retained;  ///< bytes that were not given back
};

/// Address sanitizer has an allocator of its own.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool can_count_heap = false;
#else
inline constexpr bool can_count_heap = true;
#endif

/// Starts to count.
void count_heap();
/// Stops; what happened since.
[[nodiscard]] heap_use counted_heap();
