// SPDX-License-Identifier: Apache-2.0
// What a call takes from the heap, counted by replacing the allocator of this program.
#include <catch2/catch.hpp>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <malloc.h>

#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "reference/random_network.hpp"

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> taken_bytes{0};
std::atomic<std::size_t> taken_blocks{0};

void note(std::size_t bytes) {
    if (!counting.load(std::memory_order_relaxed)) return;
    taken_bytes += bytes;
    ++taken_blocks;
}

}  // namespace

extern "C" {
void* malloc(std::size_t bytes) {
    note(bytes);
    return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) {
    note(n * bytes);
    return __libc_calloc(n, bytes);
}
void* realloc(void* p, std::size_t bytes) {
    note(bytes);
    return __libc_realloc(p, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
    note(bytes);
    return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    note(bytes);
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t bytes) {
    note(bytes);
    *p = __libc_memalign(alignment, bytes);
    return *p == nullptr ? ENOMEM : 0;
}
void free(void* p) { __libc_free(p); }
}

using namespace lathe;

namespace {

struct taken {
    std::size_t bytes, blocks, retained;
};

taken by_one_call(const network& net, const deployment& target = {}) {
    executor run(net, arbitrary_weights(), calibrated_statistics::neutral(net), target);
    std::ranges::fill(run.input(), 0.5F);
    run.run();
    const std::size_t before = mallinfo2().uordblks;
    taken_bytes = taken_blocks = 0;
    counting = true;
    run.run();
    counting = false;
    return {taken_bytes, taken_blocks, mallinfo2().uordblks - before};
}

/// Every layer that runs without oneDNN, on square images of 8 channels.
network own_kernels(std::int64_t size) {
    network_builder b;
    auto x = b.input("image", image_type(8, size, size));
    x = b.add("norm", batch_norm_op{whole("s", {8}), whole("t", {8})}, {x});
    auto y = b.add("act", activation_op{activation::hard_swish}, {x});
    y = b.add("gate", channel_gate_op{whole("a", {4, 8}), whole("b", {4}), whole("c", {8, 4}),
                                      whole("d", {8})},
              {y});
    x = b.add("sum", add_op{}, {x, y});
    x = b.add("both", concat_op{}, {x, y});
    x = b.add("mean", global_pool_op{}, {x});
    x = b.add("soft", softmax_op{}, {x});
    b.output(x, output_role::probabilities);
    return std::move(b).build();
}

}  // namespace

TEST_CASE("a call of our own kernels takes nothing from the heap") {
    CHECK(by_one_call(own_kernels(6)).bytes == 0);
    const deployment batch{.batch = 16};
    const network large = own_kernels(96);
    REQUIRE(compile(large, batch).tiles() > 1);
    CHECK(by_one_call(large, batch).bytes == 0);
}

// oneDNN builds a table of arguments on the heap in every execute() and frees it before it returns;
// its interface has no way around that. docs/engine.md states the size.
TEST_CASE("a call of oneDNN's kernels returns all it takes, and takes little") {
    const network net = reference::random_network(rng(3), 30);
    const taken t = by_one_call(net);
    CHECK(t.retained == 0);
    CHECK(t.blocks < 10 * net.nodes().size());
    CHECK(t.bytes < 2048 * net.nodes().size());

    // What a kernel takes depends on its shape, so a batch of tiles is compared with one tile.
    const deployment batch{.batch = 512};
    const program tiled = compile(net, batch);
    REQUIRE(tiled.tiles() > 1);
    const taken one = by_one_call(net, {.batch = tiled.tile});
    const taken all = by_one_call(net, batch);
    CHECK(all.retained == 0);
    CHECK(all.blocks == static_cast<std::size_t>(tiled.tiles()) * one.blocks);
}
