// SPDX-License-Identifier: Apache-2.0
#include "cli/images.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/data/files.hpp"

namespace lathe::cli {
namespace {

/// The split is the same for every search on the same data.
constexpr std::uint64_t split_seed = 20;

image_data read_images(const data_settings& settings) {
    switch (settings.format) {
        case data_format::cifar10:
            return read_cifar10(settings.path);
        case data_format::idx:
            return read_idx(settings.path);
        case data_format::glyphs:
            break;
    }
    return make_glyphs(settings.glyphs);
}

data_split divide(const data_settings& settings, std::size_t images) {
    const auto part = [&](std::optional<std::int64_t> wanted, std::size_t most) {
        return wanted ? static_cast<std::size_t>(*wanted) : std::min(images / 10, most);
    };
    try {
        return split_indices(images, part(settings.recalibration, 2000),
                             part(settings.validation, 5000), split_seed);
    } catch (const error& e) {
        throw error(e.code(), "data.validation", e.problem(),
                    "lower 'validation' or 'recalibration'");
    }
}

}  // namespace

search_images::search_images(const data_settings& settings)
    : settings_(settings),
      data_(read_images(settings)),
      split_(divide(settings, data_.train.size())),
      scale_(measure_normalization(data_.train, split_.train)) {}

std::string search_images::describe() const {
    const image_shape s = shape();
    return fmt::format(
        "{}: {} images of {} x {} x {} for training, {} for recalibration, {} for "
        "validation, {} for the final test",
        format_names[static_cast<std::size_t>(settings_.format)], split_.train.size(), s.height,
        s.width, s.channels, split_.recalibration.size(), split_.validation.size(),
        test_ ? test_->size() : data_.test.size());
}

batch_reader search_images::training(std::int32_t batch, std::uint64_t seed) const {
    return {data_.train,
            split_.train,
            scale_,
            {.batch = batch,
             .order = batch_order::training,
             .changes = settings_.changes,
             .seed = seed}};
}

image_batches search_images::batches(const std::vector<std::uint32_t>& indices) const {
    return image_batches(
        {data_.train,
         indices,
         scale_,
         {.batch = 100, .order = batch_order::evaluation, .changes = {}, .seed = 1}});
}

/// Changed at random as in training: norms learn with what shifts and cutouts do to an image. One image
/// a batch, so that none is left over.
image_batches search_images::recalibration(double share) const {
    std::vector<std::uint32_t> some = split_.recalibration;
    const double wanted = share * static_cast<double>(some.size());
    some.resize(std::max<std::size_t>(1, static_cast<std::size_t>(wanted)));
    return image_batches({data_.train,
                          some,
                          scale_,
                          {.batch = 1,
                           .order = batch_order::training,
                           .changes = settings_.changes,
                           .seed = split_seed}});
}
image_batches search_images::validation() const { return batches(split_.validation); }

image_batches search_images::open_test() {
    if (test_) throw error(errc::internal, "search_images", "the test set was opened before", "");
    test_ = std::make_unique<image_set>(std::move(data_.test).open());
    std::vector<std::uint32_t> all(test_->size());
    std::iota(all.begin(), all.end(), 0U);
    return image_batches(
        {*test_,
         all,
         scale_,
         {.batch = 100, .order = batch_order::evaluation, .changes = {}, .seed = 1}});
}

}  // namespace lathe::cli
