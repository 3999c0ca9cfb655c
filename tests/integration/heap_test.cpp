// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "engine/heap_of_call.hpp"
#include "integration/spaces.hpp"
#include "lathe/search_space/members.hpp"

using namespace lathe;

namespace {

template <class Space>
void check_members(const Space& space) {
    rng random(5);
    for (int i = 0; i < 20; ++i) {
        const network net = space.lower(sample_member(space, random));
        for (const std::int32_t batch : {1, 3}) {
            INFO("member " << i << ", batch " << batch);
            CHECK(test::heap_of_call(net, {.batch = batch}).blocks == 0);
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
