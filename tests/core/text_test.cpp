// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "lathe/core/text.hpp"

namespace lathe {
namespace {

TEST_CASE("quantities as people read them have three digits") {
    CHECK(format_bytes(412 * 1024) == "412 KiB");
    CHECK(format_bytes(1.5 * 1024 * 1024) == "1.5 MiB");
    CHECK(format_bytes(1010 * 1024) == "0.986 MiB");
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_time(318e3) == "318 us");
    CHECK(format_time(999.7e3) == "1 ms");
    CHECK(format_time(-1.27e6) == "-1.27 ms");
    CHECK(format_count(18.6e6) == "18.6 M");
    CHECK(format_count(205e3) == "205 k");
}

TEST_CASE("spaces and tabs at the ends are cut off, inner ones stay") {
    CHECK(trimmed(" \ta b\t ") == "a b");
    CHECK(trimmed("a") == "a");
    CHECK(trimmed(" \t ").empty());
    CHECK(trimmed("").empty());
}

}  // namespace
}  // namespace lathe
