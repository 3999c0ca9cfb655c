// SPDX-License-Identifier: Apache-2.0
// How many threads a piece of work takes.
#pragma once

namespace lathe::detail {

/// The ambient OpenMP thread count of this thread for as long as the object lives. oneDNN reads it
/// when a primitive is made and when it runs; both must see the same number.
class thread_scope {
public:
    explicit thread_scope(int threads);
    ~thread_scope();
    thread_scope(const thread_scope&) = delete;
    thread_scope& operator=(const thread_scope&) = delete;

private:
    int before_;
};

}  // namespace lathe::detail
