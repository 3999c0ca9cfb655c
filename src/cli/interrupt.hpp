// SPDX-License-Identifier: Apache-2.0
// Ctrl-C during work that can be continued later.
#pragma once

#include <csignal>
#include <stdexcept>

namespace lathe::cli {

/// While one of these lives, the first SIGINT is only noted, for the work to look at between two
/// steps; the second one ends the process as ever. Where SIGINT is ignored, it stays so. One at a
/// time.
class interrupt_watch {
public:
    interrupt_watch();
    ~interrupt_watch();
    interrupt_watch(const interrupt_watch&) = delete;
    interrupt_watch& operator=(const interrupt_watch&) = delete;

    [[nodiscard]] bool seen() const noexcept;

private:
    struct sigaction before_{};
};

/// Ends a command; what it did until then is kept. what() says how to go on.
class interruption : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace lathe::cli
