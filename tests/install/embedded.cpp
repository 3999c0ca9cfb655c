// SPDX-License-Identifier: Apache-2.0
// A product's shared library: lathe inside, one function outside.
#include <lathe/core/error.hpp>
#include <lathe/core/genotype.hpp>
#include <string>
#include <vector>

extern "C" __attribute__((visibility("default"))) int embedded_entry(int count) {
    std::vector<lathe::genotype> genotypes(static_cast<std::size_t>(count));
    genotypes.emplace_back();
    if (count < 0) throw lathe::error(lathe::errc::bad_input, "embedded", std::to_string(count));
    return static_cast<int>(genotypes.size());
}
