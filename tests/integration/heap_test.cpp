// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "integration/spaces.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/search_space/members.hpp"
#include "support/counted_heap.hpp"

using namespace lathe;

namespace {

template <class Space>
void check_members(const Space& space) {
    rng random(5);
    for (int i = 0; i < 20; ++i) {
        const network net = space.lower(sample_member(space, random));
        for (const std::int32_t batch : {1, 3}) {
            INFO("member " << i << ", batch " << batch);
            executor run(net, arbitrary_weights(), calibrated_statistics::neutral(net),
                         {.batch = batch});
            std::ranges::fill(run.input(), 0.5F);
            run.run();
            count_heap();
            run.run();
            const heap_use heap = counted_heap();
            CHECK(heap.blocks == 0);
        }
    }
}

}  // namespace

TEST_CASE("a call of any member takes nothing from the heap") {
    if (!can_count_heap) {
        WARN("skipped: the sanitizer has an allocator of its own");
        return;
    }
    check_members(mobile_space(mobile28()));
    check_members(mobile_space(mobile32()));
    check_members(cell_space(cell32()));
    check_members(test::varied_chain());
    check_members(test::gated_mobile());
}
