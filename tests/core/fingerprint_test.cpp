// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/fingerprint.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace lathe;

TEST_CASE("every field of a fingerprint changes its hash") {
    const fingerprint base{"cpu", "avx2", 2, {{1, 32768}}, "Linux 6", "gcc 12", {"oneDNN 3.2"}};
    std::vector<fingerprint> machines(10, base);
    machines[1].cpu = "cpu2";
    machines[2].isa = "avx512";
    machines[3].cores = 4;
    machines[4].caches[0].bytes = 49152;
    machines[5].caches.push_back({2, 1 << 20});
    machines[6].os = "Linux 7";
    machines[7].compiler = "clang 19";
    machines[8].libraries[0] = "oneDNN 3.3";
    machines[9].libraries.push_back("libgomp");
    std::set<hash64> hashes;
    for (const auto& m : machines) hashes.insert(hash_of(m));
    CHECK(hashes.size() == machines.size());
    CHECK(hash_of(fingerprint(base)) == hash_of(base));
}

TEST_CASE("this machine has a CPU with cores") {
    const fingerprint f = this_machine();
    CHECK(f.cores >= 1);
    CHECK_FALSE(f.os.empty());
    CHECK(f == this_machine());
}
