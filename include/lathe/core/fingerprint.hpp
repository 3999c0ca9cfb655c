// SPDX-License-Identifier: Apache-2.0
// Which machine a number belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/core/hash.hpp"

namespace lathe {

/// One data or unified cache as the first core sees it.
struct cache_level {
    std::int32_t level = 0;
    std::int64_t bytes = 0;

    friend bool operator==(const cache_level&, const cache_level&) = default;
};

struct fingerprint {
    std::string cpu;                ///< model name as the CPU gives it
    std::string isa;                ///< widest usable: "sse", "avx2", "avx512", "avx512_bf16", "amx"
    std::int32_t cores = 0;         ///< cores this process may run on
    std::vector<cache_level> caches;
    std::string os;                 ///< kernel name and release
    std::string compiler;
    std::vector<std::string> libraries;  ///< "oneDNN 3.2.0 with AVX2", filled in by whoever uses one

    friend bool operator==(const fingerprint&, const fingerprint&) = default;
};

/// Equal for equal fingerprints: the key under which measured numbers are kept.
[[nodiscard]] hash64 hash_of(const fingerprint& f) noexcept;

/// Reads the machine; never throws, leaves what cannot be read empty.
[[nodiscard]] fingerprint this_machine();

}  // namespace lathe
