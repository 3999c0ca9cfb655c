// SPDX-License-Identifier: Apache-2.0
// Signals in threads of the library's own.
#pragma once

namespace lathe::detail {

/// Signal handlers are the application's and run on its own threads. What a thread brings upon
/// itself (SIGSEGV, SIGFPE, SIGABRT and the like) is not blocked: a handler that writes a crash
/// report must still be reached.
void block_asynchronous_signals() noexcept;

}  // namespace lathe::detail
