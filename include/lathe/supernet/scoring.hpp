// SPDX-License-Identifier: Apache-2.0
// Recalibration and quality of subnets.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "lathe/core/estimate.hpp"
#include "lathe/data/loader.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

/// Float images in memory, channels last, and resized copies of them by request. Not thread-safe: a
/// request keeps the copy.
class image_batches {
public:
    /// Reads epoch 0 once: in evaluation order every image as it is; in training order shuffled and
    /// augmented ones, without a last batch that is not full (batch 1 leaves none out).
    explicit image_batches(batch_reader reader);

    [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
    [[nodiscard]] image_shape shape() const noexcept { return shape_; }
    [[nodiscard]] std::span<const std::int32_t> labels() const noexcept { return labels_; }
    /// All images at this height and width; kept from then on. Throws bad_input for an empty size.
    [[nodiscard]] std::span<const float> at(std::int32_t height, std::int32_t width);
    /// Identifies the images and their order.
    [[nodiscard]] hash64 content() const noexcept { return content_; }

private:
    image_shape shape_;
    std::vector<std::int32_t> labels_;
    std::map<std::pair<std::int32_t, std::int32_t>, std::vector<float>> by_size_;
    hash64 content_ = 0;
};

/// Means and variances of every norm over `images`, in batches of `batch` (a last one that is not
/// full is left out). Training-mode forward passes; the weights do not change. The images should be
/// augmented as in training: norms learn with what that does to images.
/// Throws bad_input when there is not one full batch, shape when the network does not take the
/// images' channels, numeric when a statistic is not finite.
[[nodiscard]] calibrated_statistics recalibrate(training_pass& pass, const network& net,
                                                weight_store& weights, image_batches& images,
                                                std::int32_t batch);

/// Share of the first `count` images whose largest logit is the label's, through the inference executor
/// with `threads` threads. The interval is Wilson's at 95 %. Not-finite logits give status failed.
/// Throws bad_input for no image, a batch or a thread count below 1; shape as recalibrate().
[[nodiscard]] estimate top1_accuracy(const network& net, const weight_reader& weights,
                                     const calibrated_statistics& statistics, image_batches& images,
                                     std::size_t count, std::int32_t batch, int threads);

/// The interval of Wilson (1927) for `hits` of `trials`, at 95 %. Throws bad_input unless
/// 0 <= hits <= trials and there is a trial.
[[nodiscard]] estimate share_estimate(std::int64_t hits, std::int64_t trials);

}  // namespace lathe
