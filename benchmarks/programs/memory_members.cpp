// SPDX-License-Identifier: Apache-2.0
// usage: memory_members MEMBERS BATCH...
//
// Runs members of mobile32 in an arena of exactly the predicted size that lies between guard pages,
// every byte poisoned before. Prints one JSON line for each member and batch; a program that leaves
// its arena dies.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/format/json.hpp"
#include "networks.hpp"
#include "support/counted_heap.hpp"
#include "support/guarded_memory.hpp"

namespace {

using namespace lathe;

json_object run_member(const network& net, std::int32_t batch) {
    const deployment target{.batch = batch};
    const program predicted = compile(net, target);
    const guarded_memory memory(static_cast<std::size_t>(predicted.arena_bytes().value));
    executor run(net, arbitrary_weights(), calibrated_statistics::neutral(net), target,
                 memory.bytes());
    std::ranges::fill(memory.bytes(), poison);
    std::ranges::fill(run.input(), 0.5F);
    run.run();
    const std::size_t outside = written_outside(run.plan(), memory.bytes()).size();
    std::ranges::fill(run.input(), 0.5F);
    count_heap();
    run.run();
    const heap_use heap = counted_heap();
    return {{"batch", batch},
            {"predicted", predicted.arena_bytes().value},
            {"mapped", run.plan().arena_bytes().value},
            {"written_outside", outside},
            {"heap_taken", heap.bytes},
            {"heap_retained", heap.retained}};
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        fmt::print(stderr, "usage: memory_members MEMBERS BATCH...\n");
        return 2;
    }
    try {
        const mobile_space space(mobile32());
        const auto members = std::strtoull(arguments[1], nullptr, 10);
        for (std::uint64_t i = 0; i < members; ++i) {
            const network net = benchmarks::fixed_member(space, i);
            for (int a = 2; a < count; ++a) {
                json_object row = run_member(net, std::atoi(arguments[a]));
                row["member"] = i;
                fmt::print("{}\n", to_json(row));
            }
        }
    } catch (const std::exception& e) {
        fmt::print(stderr, "memory_members: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
