// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/data/loader.hpp"

namespace lathe {

batch_reader::batch_reader(dataset_ref data, std::vector<std::uint32_t> indices,
                           const normalization& scale, const batch_options& options)
    : data_(data),
      indices_(std::move(indices)),
      transform_(data.shape(), scale,
                 options.order == batch_order::training ? options.changes : augmentation{}),
      options_(options) {
    if (options.batch < 1) {
        throw error(errc::bad_input, "batch_reader", fmt::format("batch is {}", options.batch),
                    "give a number of at least 1");
    }
    const auto beyond =
        std::ranges::find_if(indices_, [&](auto index) { return index >= data_.size(); });
    if (beyond != indices_.end()) {
        throw error(errc::bad_input, "batch_reader", fmt::format("there is no image {}", *beyond),
                    fmt::format("the data set has {} images", data_.size()));
    }
    const auto batch = static_cast<std::size_t>(options.batch);
    const std::size_t left_out =
        options.order == batch_order::training ? indices_.size() % batch : 0;
    steps_ = (indices_.size() - left_out + batch - 1) / batch;
    if (steps_ == 0) {
        throw error(errc::bad_input, "batch_reader",
                    fmt::format("{} images make no batch of {}", indices_.size(), batch),
                    "give more images or a smaller batch");
    }
}

batch_reader batch_reader::part(int rank, int ranks) const {
    const auto refuse = [](std::string problem, const char* remedy) {
        throw error(errc::bad_input, "batch_reader::part", std::move(problem), remedy);
    };
    if (ranks < 1 || rank < 0 || rank >= ranks) {
        refuse(fmt::format("there is no rank {} of {}", rank, ranks), "count ranks from 0");
    }
    if (ranks == 1) return *this;
    if (ranks_ != 1) refuse("this is a part already", "take parts of the whole");
    if (options_.order != batch_order::training) {
        refuse("evaluation has no parts", "read in the order of training");
    }
    batch_reader mine = *this;
    mine.rank_ = static_cast<std::uint64_t>(rank);
    mine.ranks_ = static_cast<std::uint64_t>(ranks);
    mine.steps_ = steps_ / mine.ranks_;
    if (mine.steps_ == 0) {
        refuse(fmt::format("{} images make no batch of {} for each of {} ranks", indices_.size(),
                           options_.batch, ranks),
               "give more images, a smaller batch or fewer ranks");
    }
    return mine;
}

batch_position batch_reader::following(batch_position at) const noexcept {
    return at.step + 1 < steps_ ? batch_position{at.epoch, at.step + 1}
                                : batch_position{at.epoch + 1, 0};
}

std::int32_t batch_reader::read(batch_position at, std::span<float> images,
                                std::span<std::int32_t> labels) {
    if (at.step >= steps_) {
        throw error(errc::bad_input, "batch_reader", fmt::format("there is no step {}", at.step),
                    fmt::format("an epoch has {} steps", steps_));
    }
    const bool training = options_.order == batch_order::training;
    const rng random = rng(options_.seed).child("loader", at.epoch);
    if (order_.empty() || (training && order_epoch_ != at.epoch)) {
        order_ = indices_;
        order_epoch_ = at.epoch;
        if (training) random.child("order").shuffle(order_);
    }
    const auto batch = static_cast<std::size_t>(options_.batch);
    const std::size_t begin = (at.step * ranks_ + rank_) * batch;
    const std::size_t count = std::min(batch, order_.size() - begin);
    const std::size_t elements = data_.shape().elements();
    if (images.size() < count * elements || labels.size() < count) {
        throw error(errc::bad_input, "batch_reader",
                    fmt::format("room for {} values and {} labels", images.size(), labels.size()),
                    fmt::format("{} and {} are needed", count * elements, count));
    }
    const std::span<const std::uint32_t> chosen = std::span(order_).subspan(begin, count);
    bytes_.resize(count * elements);
    data_.read(chosen, bytes_, labels.first(count));
    for (std::size_t i = 0; i < count; ++i) {
        const auto from = std::span<const std::uint8_t>(bytes_).subspan(i * elements, elements);
        const auto to = images.subspan(i * elements, elements);
        if (training) {
            transform_.augmented(from, random.child("image", chosen[i]), to);
        } else {
            transform_.plain(from, to);
        }
    }
    return static_cast<std::int32_t>(count);
}

}  // namespace lathe
