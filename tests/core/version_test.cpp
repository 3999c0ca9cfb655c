// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/version.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

TEST_CASE("The version in the header is the version of the build") {
    std::ifstream file(LATHE_SOURCE_DIR "/CMakeLists.txt");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(text.find("project(lathe VERSION " + std::string(lathe::version) + " ") !=
          std::string::npos);
}
