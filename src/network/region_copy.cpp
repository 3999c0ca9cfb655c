// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/region_copy.hpp"

#include <cstddef>

namespace lathe {
namespace {

bool is_whole(const std::vector<index_range>& ranges, std::int64_t size) {
    return ranges.size() == 1 && ranges.front() == index_range{0, size};
}

/// Calls run(position in the base, position in the dense tensor, length) for every contiguous run, in
/// row-major order. Whole inner dimensions are one run with the dimension outside of them.
template <class Run>
void for_each_run(const param_region& region, const std::vector<std::int64_t>& full_shape, Run run) {
    std::size_t last = full_shape.size() - 1;
    std::size_t inner = 1;
    for (; last > 0 && is_whole(region.ranges[last], full_shape[last]); --last) {
        inner *= static_cast<std::size_t>(full_shape[last]);
    }
    std::size_t dense = 0;
    const auto visit = [&](const auto& self, std::size_t d, std::size_t base) -> void {
        for (const auto& r : region.ranges[d]) {
            if (d == last) {
                const auto length = static_cast<std::size_t>(r.end - r.begin) * inner;
                run((base + static_cast<std::size_t>(r.begin)) * inner, dense, length);
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
