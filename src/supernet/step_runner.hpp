// SPDX-License-Identifier: Apache-2.0
// What the networks of one training step compute, and the memory that takes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lathe/data/loader.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/supernet/trainer.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

/// Bytes of value, gradient and momentum of each weight, of a copy of the value and the momentum,
/// and of what an update of the largest tensor takes.
[[nodiscard]] std::int64_t weight_bytes(const weight_store& weights,
                                        const training_settings& settings);
/// As training_memory() of the interface, of steps of `nets`, whose tensors are added to `weights`.
[[nodiscard]] std::int64_t training_memory(weight_store& weights, std::span<const network> nets,
                                           int batch, const training_settings& settings);

struct batch_result {
    double loss = 0.0;
    double accuracy = 0.0;
};

/// Runs networks of one step on one batch.
class step_runner {
public:
    /// Both must outlive this.
    step_runner(weight_store& weights, const training_settings& settings)
        : weights_(weights), settings_(settings), pass_(settings.threads, settings.precision) {}

    /// Gradients of all networks together, in the weights; one result per network. False: a loss
    /// was not finite. Throws as train_supernet().
    [[nodiscard]] bool run(const std::vector<network>& nets, const image_batch& batch,
                           image_shape shape, std::vector<batch_result>& results);

    [[nodiscard]] const pass_counters& counters() const { return pass_.counters(); }

private:
    batch_result train_one(const network& net, const image_batch& batch, image_shape shape,
                           bool first);
    double learn(std::span<const float> logits, const image_batch& batch, bool first);
    std::span<const float> resized(const network& net, const image_batch& batch, image_shape from);
    void require_teacher(std::size_t outputs, std::int64_t images) const;

    weight_store& weights_;
    const training_settings& settings_;
    training_pass pass_;
    std::vector<float> images_, gradient_, teacher_;
};

}  // namespace lathe
