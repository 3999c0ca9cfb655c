// SPDX-License-Identifier: Apache-2.0
// Trains a weight-sharing supernet on images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "lathe/core/communicator.hpp"
#include "lathe/data/loader.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/search_space/members.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

/// The networks of one step: the first one learns from the labels and teaches the others. Must be a
/// function of `random` alone.
using subnet_sampler = std::function<std::vector<network>(rng random)>;

/// Sandwich rule (Yu, Huang 2019; Yu et al., BigNAS, 2020): largest, `random_members` random ones,
/// smallest. The space must outlive the sampler.
template <ElasticSpace Space>
[[nodiscard]] subnet_sampler sandwich(const Space& space, int random_members = 2) {
    return [&space, random_members](rng random) {
        std::vector<network> nets;
        nets.push_back(space.lower(space.largest()));
        for (int i = 0; i < random_members; ++i) nets.push_back(space.lower(sample_member(space, random)));
        nets.push_back(space.lower(space.smallest()));
        return nets;
    };
}
template <ElasticSpace Space>
subnet_sampler sandwich(const Space&& space, int random_members = 2) = delete;

/// Uniform sampling for spaces without a largest member. With more than one member a step, set
/// training_settings::others to labels: none of them is fit to teach. The space must outlive the
/// sampler.
template <SearchSpace Space>
[[nodiscard]] subnet_sampler uniform_members(const Space& space, int members = 1) {
    return [&space, members](rng random) {
        std::vector<network> nets;
        for (int i = 0; i < members; ++i) nets.push_back(space.lower(sample_member(space, random)));
        return nets;
    };
}
template <SearchSpace Space>
subnet_sampler uniform_members(const Space&& space, int members = 1) = delete;

enum class teaching : std::uint8_t {
    labels,       ///< every network learns from the labels
    distillation  ///< all but the first learn the first one's probabilities
};

/// Exactly one of `seconds` and `steps` is above 0. With `steps` the result is a function of the
/// settings and the data; with `seconds` the schedule follows the clock.
struct training_settings {
    double seconds = 0.0;  ///< of training, evaluation and checkpoints excluded
    std::int64_t steps = 0;
    int threads = 1;
    lathe::precision precision = lathe::precision::automatic;
    std::uint64_t seed = 1;
    float learning_rate = 0.2F;  ///< peak
    /// Peak of update_settings::matrix_rate, which follows the same schedule; at least 0, below 1.
    /// 0: SGD for all weights.
    float matrix_rate = 0.0F;
    double warm_up = 0.05;       ///< share of the budget that the learning rate rises linearly
    /// Share of the budget, at its beginning, in which only the first and the last network of a step
    /// train: in a sandwich, random members join a largest one that has learned already, as in
    /// once-for-all (Cai et al. 2020).
    double ends_alone = 0.0;
    /// Share of the budget, at its beginning, in which every network trains on images of three
    /// quarters of its own height and width, 9/16 of the work: progressive resizing (Tan, Le,
    /// EfficientNetV2, 2021).
    double small_images = 0.0;
    float momentum = 0.9F;
    float weight_decay = 1e-4F;
    float label_smoothing = 0.1F;
    float clip_norm = 5.0F;
    teaching others = teaching::distillation;
    std::int64_t memory = 0;  ///< most bytes that training_memory() may say; 0: as many as it takes
    double checkpoint_seconds = 120.0;  ///< infinite: none but the first and the last
    std::filesystem::path checkpoint;  ///< empty: none is written
};

struct training_progress {
    std::int64_t step = 0;
    double seconds = 0.0;           ///< of training so far, earlier sessions included
    double share_done = 0.0;        ///< 0 to 1
    double epoch = 0.0;
    double loss_first = 0.0;        ///< running means, of this rank's batches
    double loss_last = 0.0;
    double accuracy_first = 0.0;    ///< on training batches
    double accuracy_last = 0.0;
    double learning_rate = 0.0;
    double images_per_second = 0.0; ///< of the data, each counted once a step; of all ranks
    int roll_backs = 0;
};
using training_probe = std::function<void(const training_progress&)>;

struct training_report {
    training_progress last;
    bool complete = false;  ///< false: stopped on request before the budget was used
    pass_counters passes;
    std::int64_t peak_bytes = 0;  ///< as training_memory(), of all networks that were trained
};

/// Bytes that training takes at its peak: the weights of `nets`, their gradients and momentum, a
/// copy to go back to, copies of the largest tensor for its update, and the largest arena of a pass
/// on `batch` images. Images, the loader's batches and oneDNN's code (some tens of kilobytes for
/// each shape of a layer) come on top. Runs nothing. Throws unsupported (naming the layer) for what
/// cannot be trained.
[[nodiscard]] std::int64_t training_memory(std::span<const network> nets, int batch,
                                           const training_settings& settings);

/// Forward and backward of every sampled network on the same batch, gradients summed, one update.
/// Images are resized to each network's input. A non-finite loss or gradient rolls back to the last
/// good state, halves both rates and goes on with other batches; the fourth time it throws
/// numeric. Writes a checkpoint before the first step, every `checkpoint_seconds` and at the end;
/// starts from an existing one made with the same settings, data and sampler output; throws
/// bad_input for another one. Throws bad_input for settings out of range, naming the setting, and
/// for a network that cannot be trained in `memory`; shape for one that does not take the data's
/// images, whose first output is not logits of (batch, classes), or that has other outputs than the
/// one that it learns from; bad_input for a sampler that gives none, io for a checkpoint that
/// cannot be read or written.
///
/// With several ranks, every rank calls this with the same arguments (probe and stop apart): each
/// trains on its part of a global batch of ranks x data.batch() images, with norms over its own
/// part, and all make the same update from the mean gradient, so that their weights stay the same
/// bits. Rank 0's clock counts, a stop request to any rank stops all, and what is not finite on one
/// rolls back all. Rank 0 writes the checkpoint, all read it. Ranks that differ throw bad_input;
/// when one rank throws, so do the others (io).
[[nodiscard]] training_report train_supernet(weight_store& weights, const subnet_sampler& sampler,
                                             const batch_reader& data,
                                             const training_settings& settings,
                                             const training_probe& probe = {},
                                             std::stop_token stop = {},
                                             communicator_ref peers = {});

}  // namespace lathe
