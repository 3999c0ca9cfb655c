// SPDX-License-Identifier: Apache-2.0
// A study in a child process that is killed, or whose disk is full, and then continued.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "lathe/format/file.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/search/study.hpp"
#include "lathe/store/log_store.hpp"
#include "lathe/store/memory_store.hpp"
#include "search/toy.hpp"
#include "support/temporary_folder.hpp"

namespace lathe {
namespace {

struct ending {
    std::string state;
    std::vector<trial> trials;
    std::vector<std::uint64_t> front;

    friend bool operator==(const ending&, const ending&) = default;
};

template <StudyStore Store>
ending search_with(Store& store, std::chrono::microseconds pause = {}) {
    const toy::space space(12, 8);
    toy::size_model size;
    toy::latency_model latency;
    auto judge = evaluator_of<accuracy>([&](const candidate& c) {
        std::this_thread::sleep_for(pause);
        return toy::quality(c.genes);
    });
    nsga2 strategy(domain_of(space), {.seed = 7, .population = 8});
    study s(space, judge, strategy, toy::edge_goals("<= 50%", "<= 1200"),
            {.batch = 4, .reference = {}}, size, latency);
    s.keep_in(store);
    static_cast<void>(s.run({.evaluations = 24}));
    return {strategy.state(),
            {s.ledger().trials().begin(), s.ledger().trials().end()},
            s.ledger().front()};
}

log_store open_log(const std::filesystem::path& path) {
    return std::filesystem::exists(path) ? log_store::resume(path) : log_store::create(path);
}

ending uninterrupted() {
    memory_store store;
    return search_with(store);
}

/// Runs `work` in a child; 0 if it returned, 1 if it threw an io error, 2 for anything else.
pid_t in_child(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    int code = 0;
    try {
        work();
    } catch (const error& e) {
        code = e.code() == errc::io ? 1 : 2;
    } catch (...) {
        code = 2;
    }
    ::_exit(code);
}

TEST_CASE("killed at random moments and continued, a study ends as if nothing had happened") {
    const ending expected = uninterrupted();
    std::uint64_t whole = 0;
    {
        const temporary_folder folder;
        log_store store = log_store::create(folder / "study.log");
        static_cast<void>(search_with(store));
        whole = std::filesystem::file_size(folder / "study.log");
    }
    rng random(11);
    int killed = 0;
    for (int round = 0; round < 10; ++round) {
        const temporary_folder folder;
        const auto path = folder / "study.log";
        for (int kill = 0; kill < 2; ++kill) {
            const pid_t child = in_child([&] {
                log_store store = open_log(path);
                static_cast<void>(search_with(store, std::chrono::milliseconds(2)));
            });
            // By the size of the log, not by the clock: disks and machines differ in speed.
            const std::uint64_t until = random.below(static_cast<std::uint32_t>(whole));
            int status = 0;
            bool ended = false;
            for (;;) {
                std::error_code none;
                const auto size = std::filesystem::file_size(path, none);
                if (!none && size >= until) break;
                ended = ::waitpid(child, &status, WNOHANG) == child;
                if (ended) break;
                std::this_thread::sleep_for(std::chrono::microseconds(50));
            }
            if (!ended) {
                ::kill(child, SIGKILL);
                REQUIRE(::waitpid(child, &status, 0) == child);
            }
            if (WIFSIGNALED(status)) ++killed;
        }
        log_store store = open_log(path);
        CHECK(search_with(store) == expected);
    }
    CHECK(killed > 5);
}

TEST_CASE("a full disk stops the study with an error; with room again it goes on") {
    const ending expected = uninterrupted();
    for (const rlim_t room : {5, 18, 100, 1000, 3001}) {
        const temporary_folder folder;
        const auto path = folder / "study.log";
        const pid_t child = in_child([&] {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{room, room};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            log_store store = log_store::create(path);
            static_cast<void>(search_with(store));
        });
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        INFO("room for " << room << " bytes");
        REQUIRE(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 1);
        log_store store = log_store::resume(path);
        CHECK(store.cut_bytes() == 0);
        CHECK(search_with(store) == expected);
    }
}

}  // namespace
}  // namespace lathe
