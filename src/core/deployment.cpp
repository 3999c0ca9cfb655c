// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/deployment.hpp"

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

void at_least_one(const char* name, std::int32_t value) {
    if (value < 1) {
        throw error(errc::bad_input, "deployment", fmt::format("{} is {}", name, value),
                    "give a number of at least 1");
    }
}

}  // namespace

void validate(const deployment& d) {
    at_least_one("batch", d.batch);
    at_least_one("threads", d.threads);
    at_least_one("streams", d.streams);
}

}  // namespace lathe
