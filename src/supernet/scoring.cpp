// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/scoring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/engine/executor.hpp"
#include "supernet/image_input.hpp"

namespace lathe {
namespace {

/// Sums of means, and of variances plus squared means: the statistics of all batches together.
class pooled_statistics {
public:
    explicit pooled_statistics(std::size_t nodes) : mean_(nodes), square_(nodes) {}

    void add(const std::vector<norm_statistics>& batch) {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            mean_[i].resize(batch[i].mean.size());
            square_[i].resize(batch[i].mean.size());
            for (std::size_t c = 0; c < batch[i].mean.size(); ++c) {
                const double mean = batch[i].mean[c];
                mean_[i][c] += mean;
                square_[i][c] += batch[i].variance[c] + mean * mean;
            }
        }
        ++batches_;
    }

    [[nodiscard]] std::vector<norm_statistics> finish() const {
        std::vector<norm_statistics> all(mean_.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (std::size_t c = 0; c < mean_[i].size(); ++c) {
                const double mean = mean_[i][c] / batches_;
                const double variance = square_[i][c] / batches_ - mean * mean;
                all[i].mean.push_back(static_cast<float>(mean));
                // std::max would turn NaN into 0; a NaN must reach the check behind this.
                all[i].variance.push_back(static_cast<float>(variance < 0.0 ? 0.0 : variance));
            }
        }
        return all;
    }

private:
    std::vector<std::vector<double>> mean_, square_;
    double batches_ = 0.0;
};

}  // namespace

image_batches::image_batches(batch_reader reader) : shape_(reader.shape()) {
    std::vector<float> batch(static_cast<std::size_t>(reader.batch()) * shape_.elements());
    std::vector<std::int32_t> labels(static_cast<std::size_t>(reader.batch()));
    auto& images = by_size_[{shape_.height, shape_.width}];
    for (std::uint64_t step = 0; step < reader.steps_per_epoch(); ++step) {
        const auto count = static_cast<std::size_t>(reader.read({0, step}, batch, labels));
        images.insert(images.end(), batch.begin(),
                      batch.begin() + static_cast<std::ptrdiff_t>(count * shape_.elements()));
        labels_.insert(labels_.end(), labels.begin(),
                       labels.begin() + static_cast<std::ptrdiff_t>(count));
    }
    hasher h;
    h.add_bytes(std::as_bytes(std::span(images))).add_bytes(std::as_bytes(std::span(labels_)));
    content_ = h.value();
}

std::span<const float> image_batches::at(std::int32_t height, std::int32_t width) {
    const auto known = by_size_.find({height, width});
    if (known != by_size_.end()) return known->second;
    if (height < 1 || width < 1) {
        throw error(errc::bad_input, "image_batches::at",
                    fmt::format("a size of {} x {}", height, width), "give at least 1 x 1");
    }
    const image_shape wanted{height, width, shape_.channels};
    std::vector<float> resized(size() * wanted.elements());
    resize_bilinear(by_size_.at({shape_.height, shape_.width}), size(), shape_, resized, wanted);
    return by_size_[{height, width}] = std::move(resized);
}

calibrated_statistics recalibrate(training_pass& pass, const network& net, weight_store& weights,
                                  image_batches& images, std::int32_t batch) {
    const auto shape = image_input(net, images.shape().channels);
    const auto pixels = images.at(shape.height, shape.width);
    const std::size_t step = static_cast<std::size_t>(batch) * shape.elements();
    const std::size_t batches = batch < 1 ? 0 : images.size() / static_cast<std::size_t>(batch);
    if (batches == 0) {
        throw error(errc::bad_input, "recalibration",
                    fmt::format("{} images do not fill a batch of {}", images.size(), batch),
                    "give more images or a smaller batch");
    }
    weights.add(net);
    pooled_statistics pooled(net.nodes().size());
    for (std::size_t b = 0; b < batches; ++b) {
        const auto some = pixels.subspan(b * step, step);
        if (b == 0) {
            (void)pass.forward(net, weights.access(), some, batch, pass_kind::statistics);
        } else {
            (void)pass.forward_again(some);
        }
        pooled.add(pass.batch_statistics());
    }
    return calibrated_statistics(net, element_type::f32, images.content(), pooled.finish());
}

estimate top1_accuracy(const network& net, const weight_reader& weights,
                       const calibrated_statistics& statistics, image_batches& images,
                       std::size_t count, std::int32_t batch, int threads) {
    count = std::min(count, images.size());
    const auto shape = image_input(net, images.shape().channels);
    const auto pixels = images.at(shape.height, shape.width);
    executor run(net, weights, statistics, {.batch = batch, .threads = threads});
    const std::size_t classes = run.output().size() / static_cast<std::size_t>(batch);
    std::int64_t hits = 0;
    for (std::size_t first = 0; first < count; first += static_cast<std::size_t>(batch)) {
        const std::size_t now = std::min(static_cast<std::size_t>(batch), count - first);
        std::ranges::copy(pixels.subspan(first * shape.elements(), now * shape.elements()),
                          run.input().begin());
        run.run();
        for (std::size_t i = 0; i < now; ++i) {
            const auto logits = run.output().subspan(i * classes, classes);
            if (!std::ranges::all_of(logits, [](float x) { return std::isfinite(x); })) {
                return estimate::missing(estimate_status::failed);
            }
            const auto best = std::ranges::max_element(logits) - logits.begin();
            hits += best == images.labels()[first + i];
        }
    }
    return share_estimate(hits, static_cast<std::int64_t>(count));
}

estimate share_estimate(std::int64_t hits, std::int64_t trials) {
    if (trials < 1 || hits < 0 || hits > trials) {
        throw error(errc::bad_input, "share", fmt::format("{} hits of {} trials", hits, trials),
                    "give at least one trial, and no more hits than trials");
    }
    constexpr double z = 1.959963984540054;  // 97.5 % point of the normal distribution
    const double n = static_cast<double>(trials);
    const double p = static_cast<double>(hits) / n;
    const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
    const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return {p, std::min(p, centre - half), std::max(p, centre + half), 0.95, provenance::measured,
            estimate_status::known, false};
}

}  // namespace lathe
