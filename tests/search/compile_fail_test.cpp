// SPDX-License-Identifier: Apache-2.0
// What must not compile does not, and the message says why.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Catch::Matchers::Contains;

/// The compiler of this build, from its cache.
std::string compiler() {
    std::ifstream cache(LATHE_BUILD_DIR "/CMakeCache.txt");
    const std::string key = "CMAKE_CXX_COMPILER:";
    for (std::string line; std::getline(cache, line);) {
        if (line.starts_with(key)) return line.substr(line.find('=') + 1);
    }
    return "c++";
}

/// That one, and the other of the two that messages come from, where it is installed.
std::vector<std::string> compilers() {
    std::vector<std::string> all{compiler()};
    for (const char* other : {"g++", "clang++-19"}) {
        const bool known = all[0].ends_with(other) || (all[0].ends_with("c++") && other[0] == 'g');
        const std::string found = std::string("command -v ") + other + " >/dev/null 2>&1";
        if (!known && std::system(found.c_str()) == 0) all.emplace_back(other);
    }
    return all;
}

struct attempt {
    bool compiled;
    std::string messages;
};

attempt compile(const std::string& with, const std::string& define, const std::string& file) {
    const std::string log = LATHE_BUILD_DIR "/compile_fail.log";
    const std::string command =
        with + " -std=c++20 -fsyntax-only -I " LATHE_SOURCE_DIR "/include -I " LATHE_SOURCE_DIR
               "/tests " +
        define + " " LATHE_SOURCE_DIR "/tests/search/compile_fail/" + file + " >" + log + " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream in(log);
    std::stringstream text;
    text << in.rdbuf();
    return {status == 0, text.str()};
}

/// The part of the messages that speaks of the n-th failed assertion.
std::vector<std::string> failed_assertions(const std::string& messages) {
    std::vector<std::string> parts;
    std::istringstream lines(messages);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("error:") != std::string::npos) parts.emplace_back();
        if (!parts.empty()) parts.back() += line + "\n";
    }
    return parts;
}

TEST_CASE("a limit that no component measures does not compile, and the message names it") {
    const attempt fine = compile(compiler(), "-DMETRIC=parameters", "unprovided_metric.cpp");
    INFO(fine.messages);
    REQUIRE(fine.compiled);

    const attempt wrong = compile(compiler(), "-DMETRIC=energy_p50", "unprovided_metric.cpp");
    INFO(wrong.messages);
    CHECK_FALSE(wrong.compiled);
    CHECK_THAT(wrong.messages, Contains("no component of this study provides"));
    CHECK_THAT(wrong.messages, Contains("quantity::energy"));
}

TEST_CASE("a type that lacks a member of a concept does not compile, and the message names it") {
    const std::vector<std::string> missing = {
        "ask",     "tell",     "state",   "restore",  "axes",     "canonical", "lower",
        "metrics", "estimate", "evaluate", "metrics",  "safety",   "violation", "append",
        "events",  "size",     "classes", "shape",    "read",     "invo"};
    for (const auto& with : compilers()) {
        INFO(with);
        const attempt complete = compile(with, "", "missing_members.cpp");
        INFO(complete.messages);
        REQUIRE(complete.compiled);

        const bool is_clang = with.find("clang") != std::string::npos;
        const attempt incomplete =
            compile(with, is_clang ? "-ferror-limit=0 -DINCOMPLETE" : "-DINCOMPLETE", "missing_members.cpp");
        CHECK_FALSE(incomplete.compiled);
        const auto said = failed_assertions(incomplete.messages);
        REQUIRE(said.size() == missing.size());
        for (std::size_t i = 0; i < missing.size(); ++i) CHECK_THAT(said[i], Contains(missing[i]));
    }
}

}  // namespace
