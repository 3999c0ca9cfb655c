// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/file.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "failure.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;

namespace {

/// Runs `action` in a child process whose files may not grow beyond `limit` bytes.
template <class Action>
int in_child_with_file_limit(rlim_t limit, Action&& action) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit cap{limit, limit};
        ::setrlimit(RLIMIT_FSIZE, &cap);
        ::_exit(action());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a file is written, replaced and read back") {
    const temporary_folder folder;
    const auto path = folder / "a.txt";
    write_file_atomic(path, "first");
    CHECK(slurp(path) == "first");
    const std::string large(300000, 'x');
    write_file_atomic(path, large);
    CHECK(read_file(path, 300000) == large);
    write_file_atomic(path, "");
    CHECK(read_file(path, 0).empty());
    CHECK(folder.entries() == 1);
}

TEST_CASE("parts are concatenated") {
    const temporary_folder folder;
    const std::string a = "ab";
    const std::string b = "cde";
    const std::vector parts{std::as_bytes(std::span(a)), std::as_bytes(std::span(b))};
    write_file_atomic(folder / "x", parts);
    CHECK(slurp(folder / "x") == "abcde");
}

TEST_CASE("what cannot be read is named") {
    const temporary_folder folder;
    CHECK_FAILS(read_file(folder / "none", 10), errc::io, "none", "No such file", "check the path");
    CHECK_FAILS(read_file(folder.path(), 10), errc::io, "is a folder", "path of a file");
    CHECK_FAILS(read_file("/dev/zero", 10), errc::io, "/dev/zero", "device");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK_FAILS(read_file(folder / "pipe", 10), errc::io, "pipe");
    put(folder / "big", "12345678901");
    CHECK_FAILS(read_file(folder / "big", 10), errc::bad_input, "big", "11 bytes", "at most 10");
    if (::geteuid() != 0) {
        ::chmod((folder / "big").c_str(), 0);
        CHECK_FAILS(read_file(folder / "big", 100), errc::io, "Permission denied");
    }
}

TEST_CASE("a file that ends early is named with the offset") {
    const temporary_folder folder;
    put(folder / "short", "12345");
    input_file file(folder / "short");
    std::array<std::byte, 4> buffer{};
    file.read(buffer);
    CHECK(file.offset() == 4);
    CHECK_FAILS(file.read(buffer), errc::bad_input, "short", "ends at byte 5, 3 bytes too early");
}

TEST_CASE("when the disk takes no more, the old file stays and no other is left") {
    const temporary_folder folder;
    const auto path = folder / "a";
    write_file_atomic(path, "old");
    const int result = in_child_with_file_limit(10000, [&] {
        try {
            write_file_atomic(path, std::string(50000, 'n'));
        } catch (const error& e) {
            const std::string what = e.what();
            const bool clear = e.code() == errc::io &&
                               what.find(path.string()) != std::string::npos &&
                               what.find("cannot be written") != std::string::npos;
            return clear ? 7 : 1;
        }
        return 2;
    });
    CHECK(result == 7);
    CHECK(slurp(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("a rename that fails leaves nothing behind") {
    const temporary_folder folder;
    std::filesystem::create_directory(folder / "target");
    put(folder / "target/inside", "x");
    CHECK_FAILS(write_file_atomic(folder / "target", "new"), errc::io, "target",
                "cannot be replaced");
    CHECK(folder.entries() == 1);
    CHECK(slurp(folder / "target/inside") == "x");
}

TEST_CASE("an unusable folder is named") {
    const temporary_folder folder;
    put(folder / "file", "");
    CHECK_FAILS(write_file_atomic(folder / "none/a", "x"), errc::io, "none", "No such file");
    CHECK_FAILS(write_file_atomic(folder / "file/a", "x"), errc::io, "file", "Not a directory");
    CHECK_FAILS(write_file_atomic(folder / std::string(300, 'n'), "x"), errc::io,
                "cannot be created", "too long");
}

TEST_CASE("a killed writer's temporary file does not stand in the way, links are not followed") {
    const temporary_folder folder;
    put(folder / ("a.tmp." + std::to_string(::getpid()) + ".0"), "left over");
    write_file_atomic(folder / "a", "new");
    CHECK(slurp(folder / "a") == "new");
    put(folder / "elsewhere", "kept");
    std::filesystem::create_symlink(folder / "elsewhere", folder / "link");
    write_file_atomic(folder / "link", "new");
    CHECK(slurp(folder / "elsewhere") == "kept");
    CHECK_FALSE(std::filesystem::is_symlink(folder / "link"));
}
