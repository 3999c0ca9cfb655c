// SPDX-License-Identifier: Apache-2.0
#include "network/batch_tile.hpp"

#include <algorithm>

namespace lathe::detail {

std::int32_t batch_tile(const network& net, const deployment& target) {
    if (target.batch == 1) return 1;
    const std::int64_t image_bytes = compile_lower_bound(net, {}).plan.lower_bound;
    const std::int32_t fewest = std::min(target.threads, target.batch);
    std::int32_t tile = target.batch;
    for (std::int32_t images = target.batch; images >= fewest; --images) {
        if (target.batch % images != 0) continue;
        tile = images;
        if (images * image_bytes <= tile_bytes * target.threads) break;
    }
    return tile;
}

void widen_to_batch(program& p) {
    if (p.tiles() == 1) return;
    const auto end = std::max(static_cast<std::int32_t>(p.steps.size()) - 1, 0);
    for (auto& b : p.buffers) {
        if (!b.holds_batch()) continue;
        b.bytes *= p.tiles();
        b.first_step = 0;
        b.last_step = end;
    }
}

}  // namespace lathe::detail
