// SPDX-License-Identifier: Apache-2.0
// What a user's program does with core: a call into the library, and one of its errors caught.
#include <cstdio>
#include <lathe/core/deployment.hpp>
#include <lathe/core/error.hpp>
#include <lathe/core/rng.hpp>
#include <lathe/core/text.hpp>

int main() {
    lathe::rng random(0, 0);
    if (random.bits() != 0x6627e8d5U) return 1;
    if (lathe::format_bytes(1536.0).find("KiB") == std::string::npos) return 1;
    try {
        throw lathe::error(lathe::errc::bad_input, "program", "no value", "give one");
    } catch (const std::exception& caught) {
        std::puts(caught.what());
    }
}
