// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/split.hpp"

#include <fmt/format.h>

#include <limits>
#include <numeric>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"

namespace lathe {

data_split split_indices(std::size_t images, std::size_t recalibration, std::size_t validation,
                         std::uint64_t seed) {
    if (recalibration < 1 || validation < 1 || recalibration >= images ||
        validation >= images - recalibration ||
        images > std::numeric_limits<std::uint32_t>::max()) {
        throw error(errc::bad_input, "split_indices",
                    fmt::format("{} images into {} for recalibration and {} for validation", images,
                                recalibration, validation),
                    "leave at least one image for each part and for training");
    }
    std::vector<std::uint32_t> order(images);
    std::iota(order.begin(), order.end(), 0U);
    rng random = rng(seed).child("split");
    random.shuffle(order);
    const auto first = order.begin();
    const auto second = first + static_cast<std::ptrdiff_t>(recalibration);
    const auto third = second + static_cast<std::ptrdiff_t>(validation);
    return {{third, order.end()}, {first, second}, {second, third}};
}

}  // namespace lathe
