// SPDX-License-Identifier: Apache-2.0
// What must not compile does not, and the message says why.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

/// The compiler of this build, from its cache.
std::string compiler() {
    std::ifstream cache(LATHE_BUILD_DIR "/CMakeCache.txt");
    const std::string key = "CMAKE_CXX_COMPILER:";
    for (std::string line; std::getline(cache, line);) {
        if (line.starts_with(key)) return line.substr(line.find('=') + 1);
    }
    return "c++";
}

struct attempt {
    bool compiled;
    std::string messages;
};

attempt compile(const std::string& metric) {
    const std::string log = LATHE_BUILD_DIR "/compile_fail.log";
    const std::string command =
        compiler() +
        " -std=c++20 -fsyntax-only -I " LATHE_SOURCE_DIR "/include -I " LATHE_SOURCE_DIR
        "/tests -DMETRIC=" +
        metric + " " LATHE_SOURCE_DIR "/tests/search/compile_fail/unprovided_metric.cpp >" + log +
        " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream in(log);
    std::stringstream text;
    text << in.rdbuf();
    return {status == 0, text.str()};
}

TEST_CASE("a limit that no component measures does not compile, and the message names it") {
    const attempt fine = compile("parameters");
    INFO(fine.messages);
    REQUIRE(fine.compiled);

    const attempt wrong = compile("energy_p50");
    INFO(wrong.messages);
    CHECK_FALSE(wrong.compiled);
    CHECK(wrong.messages.find("no component of this study provides") != std::string::npos);
    CHECK(wrong.messages.find("quantity::energy") != std::string::npos);
}

}  // namespace
