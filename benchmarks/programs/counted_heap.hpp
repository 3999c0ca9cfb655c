// SPDX-License-Identifier: Apache-2.0
// Counts what a piece of code takes from the heap. Linking this replaces the program's allocator.
#pragma once

#include <cstddef>

namespace lathe::benchmarks {

/// Starts to count.
void count_heap();
/// Stops; bytes that malloc and its relatives were asked for since, on all threads, returned or
/// not.
[[nodiscard]] std::size_t counted_bytes();

}  // namespace lathe::benchmarks
