// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include <optional>

#include "lathe/core/error.hpp"

/// The lathe::error that `action` throws; the test fails when it throws nothing.
template <class Action>
lathe::error failure(Action&& action) {
    try {
        action();
    } catch (const lathe::error& e) {
        return e;
    }
    FAIL("no error was thrown");
    return {lathe::errc::internal, {}, {}};
}

/// Code and message of the error that the expression throws.
#define CHECK_FAILS(expression, expected_code, ...)                                           \
    do {                                                                                      \
        const lathe::error caught = failure([&] { static_cast<void>(expression); });          \
        CHECK(caught.code() == (expected_code));                                              \
        for (const std::string expected_part : {__VA_ARGS__}) {                               \
            CHECK_THAT(std::string(caught.what()), Catch::Matchers::Contains(expected_part)); \
        }                                                                                     \
    } while (false)
