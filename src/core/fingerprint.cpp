// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/fingerprint.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace lathe {
namespace {

std::string cpu_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(':');
        if (line.starts_with("model name") && colon != std::string::npos) {
            return line.substr(std::min(line.size(), colon + 2));
        }
    }
    return {};
}

std::string widest_isa() {
#if defined(__x86_64__)
    std::ifstream file("/proc/cpuinfo");
    std::string flags;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("flags")) {
            flags = line + ' ';
            break;
        }
    }
    const auto has = [&](const char* flag) {
        return flags.find(std::string(" ") + flag + ' ') != std::string::npos;
    };
    if (has("amx_tile")) return "amx";
    if (has("avx512_bf16")) return "avx512_bf16";
    if (has("avx512vl")) return "avx512";
    if (has("avx2")) return "avx2";
    return "sse";
#else
    return {};
#endif
}

std::int32_t usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    return CPU_COUNT(&set);
}

std::vector<cache_level> data_caches() {
    std::vector<cache_level> caches;
    std::int32_t level = 0;
    for (const int name : {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE}) {
        const long bytes = sysconf(name);
        ++level;
        if (bytes > 0) caches.push_back({level, bytes});
    }
    return caches;
}

std::string kernel() {
    utsname name{};
    if (uname(&name) != 0) return {};
    return std::string(name.sysname) + ' ' + name.release;
}

}  // namespace

hash64 hash_of(const fingerprint& f) noexcept {
    hasher h;
    h.add(f.cpu).add(f.isa).add(static_cast<std::uint64_t>(f.cores)).add(f.caches.size());
    for (const auto& c : f.caches) {
        h.add(static_cast<std::uint64_t>(c.level)).add(static_cast<std::uint64_t>(c.bytes));
    }
    h.add(f.os).add(f.compiler).add(f.libraries.size());
    for (const auto& library : f.libraries) h.add(library);
    return h.value();
}

fingerprint this_machine() {
    fingerprint f;
    f.cpu = cpu_name();
    f.isa = widest_isa();
    f.cores = usable_cores();
    f.caches = data_caches();
    f.os = kernel();
#if defined(__clang__)
    f.compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
    f.compiler = "gcc " __VERSION__;
#endif
    return f;
}

}  // namespace lathe
