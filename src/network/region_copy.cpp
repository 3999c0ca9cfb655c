// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/region_copy.hpp"

#include <cstddef>

namespace lathe {
namespace {

/// Calls run(position in the base, position in the dense tensor, length) for every contiguous run of
/// the innermost dimension, in row-major order.
template <class Run>
void for_each_run(const param_region& region, const std::vector<std::int64_t>& full_shape, Run run) {
    const std::size_t rank = full_shape.size();
    std::size_t dense = 0;
    const auto visit = [&](const auto& self, std::size_t d, std::size_t base) -> void {
        for (const auto& r : region.ranges[d]) {
            if (d + 1 == rank) {
                const auto length = static_cast<std::size_t>(r.end - r.begin);
                run(base + static_cast<std::size_t>(r.begin), dense, length);
                dense += length;
                continue;
            }
            for (std::int64_t i = r.begin; i < r.end; ++i) {
                self(self, d + 1,
                     (base + static_cast<std::size_t>(i)) * static_cast<std::size_t>(full_shape[d + 1]));
            }
        }
    };
    visit(visit, 0, 0);
}

}  // namespace

void gather(const param_region& region, const std::vector<std::int64_t>& full_shape,
            std::span<const float> base, std::span<float> dense) {
    for_each_run(region, full_shape, [&](std::size_t from, std::size_t to, std::size_t length) {
        for (std::size_t i = 0; i < length; ++i) dense[to + i] = base[from + i];
    });
}

void scatter_add(const param_region& region, const std::vector<std::int64_t>& full_shape,
                 std::span<const float> dense, std::span<float> base) {
    for_each_run(region, full_shape, [&](std::size_t to, std::size_t from, std::size_t length) {
        for (std::size_t i = 0; i < length; ++i) base[to + i] += dense[from + i];
    });
}

}  // namespace lathe
