// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace lathe::cli {
namespace {

/// How a process of its own ends that does `work`.
int status_of(const std::function<void()>& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGINT, SIG_DFL);
        work();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

TEST_CASE("the first interrupt is noted, the second one ends the process") {
    const int first = status_of([] {
        const interrupt_watch watch;
        if (watch.seen()) ::_exit(1);
        std::raise(SIGINT);
        if (!watch.seen()) ::_exit(2);
    });
    REQUIRE(WIFEXITED(first));
    CHECK(WEXITSTATUS(first) == 0);

    const int second = status_of([] {
        const interrupt_watch watch;
        std::raise(SIGINT);
        std::raise(SIGINT);
    });
    REQUIRE(WIFSIGNALED(second));
    CHECK(WTERMSIG(second) == SIGINT);
}

TEST_CASE("after the watch an interrupt does what it did before, and a new watch has seen none") {
    const int after = status_of([] {
        {
            const interrupt_watch watch;
        }
        std::raise(SIGINT);
    });
    REQUIRE(WIFSIGNALED(after));
    CHECK(WTERMSIG(after) == SIGINT);

    const int again = status_of([] {
        {
            const interrupt_watch watch;
            std::raise(SIGINT);
        }
        const interrupt_watch watch;
        if (watch.seen()) ::_exit(1);
        std::raise(SIGINT);
        ::_exit(watch.seen() ? 0 : 2);
    });
    REQUIRE(WIFEXITED(again));
    CHECK(WEXITSTATUS(again) == 0);
}

TEST_CASE("a process that ignores interrupts goes on ignoring them") {
    const int status = status_of([] {
        std::signal(SIGINT, SIG_IGN);
        const interrupt_watch watch;
        std::raise(SIGINT);
        std::raise(SIGINT);
        ::_exit(watch.seen() ? 1 : 0);
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace lathe::cli
