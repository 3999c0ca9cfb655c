// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>

namespace lathe::cli {
namespace {

std::atomic<bool> noted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler writes it

void note_interrupt(int) {
    const int kept = errno;
    constexpr std::string_view text =
        "\nlathe: stopping after this step; once more to stop at once\n";
    // Nothing can be done about a message that cannot be written.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    noted = true;
    errno = kept;
}

}  // namespace

interrupt_watch::interrupt_watch() {
    noted = false;
    ::sigaction(SIGINT, nullptr, &before_);
    if (before_.sa_handler == SIG_IGN) return;
    struct sigaction once{};
    once.sa_handler = note_interrupt;
    once.sa_flags = SA_RESETHAND | SA_RESTART;
    ::sigemptyset(&once.sa_mask);
    ::sigaction(SIGINT, &once, nullptr);
}

interrupt_watch::~interrupt_watch() { ::sigaction(SIGINT, &before_, nullptr); }

bool interrupt_watch::seen() const noexcept { return noted; }

}  // namespace lathe::cli
