// SPDX-License-Identifier: Apache-2.0
#include "supernet/step_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/kernels/loss.hpp"
#include "engine/kernels/muon.hpp"
#include "engine/team.hpp"
#include "lathe/core/error.hpp"
#include "supernet/image_input.hpp"

namespace lathe {
namespace {

/// The loss is the cross-entropy of a network's first output.
void require_logits(const network& net) {
    const auto& out = net.outputs().front();
    const tensor_type& type = net.at(out.value).type;
    if (out.role == output_role::logits && type.dims.size() == 2) return;
    throw error(
        errc::shape, fmt::format("layer '{}'", net.at(out.value).name),
        fmt::format("training needs logits of (batch, classes) as the first output, this is {}{}",
                    to_string(type), out.role == output_role::logits ? "" : " of another role"),
        "give the classifier's logits, without a softmax, as the first output");
}

/// Of the labels that have the largest logit.
double share_right(std::span<const float> logits, std::span<const std::int32_t> labels,
                   std::int64_t classes) {
    std::int64_t right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto row = logits.subspan(i * static_cast<std::size_t>(classes),
                                        static_cast<std::size_t>(classes));
        right += std::ranges::max_element(row) - row.begin() == labels[i];
    }
    return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace

std::int64_t weight_bytes(const weight_store& weights, const training_settings& settings) {
    constexpr std::int64_t floats_each = 5;
    constexpr std::int64_t update_floats_each = 4;  // of a tensor that was used in part
    std::int64_t floats = 0;
    std::int64_t largest = 0;
    for (const auto& [name, t] : weights.tensors()) {
        const auto size = static_cast<std::int64_t>(t.value.size());
        floats += floats_each * size;
        largest = std::max(largest, size);
    }
    floats += update_floats_each * largest;
    if (settings.matrix_rate > 0.0F) floats += settings.threads * kernels::muon_scratch(largest);
    return floats * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t training_memory(weight_store& weights, std::span<const network> nets, int batch,
                             const training_settings& settings) {
    training_pass pass(settings.threads, settings.precision);
    std::int64_t arena = 0;
    for (const auto& net : nets) {
        weights.add(net);
        arena = std::max(arena, pass.arena_bytes(net, batch));
    }
    return weight_bytes(weights, settings) + arena;
}

std::int64_t training_memory(std::span<const network> nets, int batch,
                             const training_settings& settings) {
    weight_store weights(settings.seed);
    return training_memory(weights, nets, batch, settings);
}

bool step_runner::run(const std::vector<network>& nets, const image_batch& batch, image_shape shape,
                      std::vector<batch_result>& results) {
    weights_.start_step();
    results.assign(nets.size(), {});
    for (std::size_t i = 0; i < nets.size(); ++i) {
        weights_.add(nets[i]);
        weights_.use(nets[i]);
        if (settings_.memory > 0)
            pass_.bound_arena(settings_.memory - weight_bytes(weights_, settings_));
        results[i] = train_one(nets[i], batch, shape, i == 0);
        if (!std::isfinite(results[i].loss)) return false;
    }
    return true;
}

batch_result step_runner::train_one(const network& net, const image_batch& batch, image_shape shape,
                                    bool first) {
    const auto images = resized(net, batch, shape);
    require_logits(net);
    const auto logits = pass_.forward(net, weights_.access(), images, batch.count);
    const auto classes = static_cast<std::int64_t>(logits.size()) / batch.count;
    const batch_result result{learn(logits, batch, first),
                              share_right(logits, batch.labels, classes)};
    if (std::isfinite(result.loss)) pass_.backward(gradient_);
    return result;
}

/// The loss, and its gradient for backward().
double step_runner::learn(std::span<const float> logits, const image_batch& batch, bool first) {
    const bool from_teacher = !first && settings_.others == teaching::distillation;
    if (from_teacher) require_teacher(logits.size(), batch.count);
    const kernels::classification_shape rows{
        batch.count, static_cast<std::int64_t>(logits.size()) / batch.count};
    gradient_.resize(logits.size());
    if (first) {
        teacher_.resize(logits.size());
        kernels::softmax(rows, logits.data(), teacher_.data());
    }
    if (from_teacher) {
        return kernels::softmax_cross_entropy(rows, logits.data(), teacher_.data(),
                                              gradient_.data());
    }
    return kernels::softmax_cross_entropy(rows, logits.data(), batch.labels.data(),
                                          settings_.label_smoothing, gradient_.data());
}

std::span<const float> step_runner::resized(const network& net, const image_batch& batch,
                                            image_shape from) {
    const image_shape to = image_input(net, from.channels);
    if (to == from) return batch.images;
    const auto count = static_cast<std::size_t>(batch.count);
    images_.resize(count * to.elements());
    const auto parts = std::min(static_cast<std::size_t>(settings_.threads), count);
    detail::run_by_team(parts, settings_.threads, [&](std::size_t part) {
        const std::size_t first = part * count / parts;
        const std::size_t images = (part + 1) * count / parts - first;
        resize_bilinear(
            std::span(batch.images).subspan(first * from.elements(), images * from.elements()),
            images, from, std::span(images_).subspan(first * to.elements(), images * to.elements()),
            to);
    });
    return images_;
}

void step_runner::require_teacher(std::size_t outputs, std::int64_t images) const {
    if (outputs == teacher_.size()) return;
    const auto count = static_cast<std::size_t>(images);
    throw error(errc::shape, "sampler",
                fmt::format("a network of {} outputs after one of {}", outputs / count,
                            teacher_.size() / count),
                "give networks with the same outputs, or let all learn from the labels");
}

}  // namespace lathe
