// SPDX-License-Identifier: Apache-2.0
// The data of a search: read, divided and normalised.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/spec.hpp"
#include "lathe/data/image_set.hpp"
#include "lathe/data/loader.hpp"
#include "lathe/data/split.hpp"
#include "lathe/supernet/scoring.hpp"

namespace lathe::cli {

class search_images {
public:
    /// Throws bad_input or io naming the file, or the key where parts do not fit the data.
    explicit search_images(const data_settings& settings);
    search_images(const search_images&) = delete;
    search_images& operator=(const search_images&) = delete;

    [[nodiscard]] image_shape shape() const noexcept { return data_.train.shape(); }
    [[nodiscard]] std::int32_t classes() const noexcept { return data_.train.classes(); }
    [[nodiscard]] const normalization& scale() const noexcept { return scale_; }
    [[nodiscard]] std::string describe() const;

    [[nodiscard]] batch_reader training(std::int32_t batch, std::uint64_t seed) const;
    /// The first share of them, above 0 and at most 1; at least one image.
    [[nodiscard]] image_batches recalibration(double share = 1.0) const;
    [[nodiscard]] image_batches validation() const;
    /// Opens the test set; it can be opened once.
    [[nodiscard]] image_batches open_test();

private:
    [[nodiscard]] image_batches batches(const std::vector<std::uint32_t>& indices) const;

    data_settings settings_;
    image_data data_;
    data_split split_;
    normalization scale_;
    std::unique_ptr<image_set> test_;
};

}  // namespace lathe::cli
