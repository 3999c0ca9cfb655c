// SPDX-License-Identifier: Apache-2.0
// Batches of float images for training and evaluation, prepared ahead by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/data/concept.hpp"
#include "lathe/data/transform.hpp"

namespace lathe {

enum class batch_order : std::uint8_t {
    training,   ///< shuffled anew each epoch and augmented; a last batch that is not full is left
                ///< out
    evaluation  ///< in the given order, not augmented, every image exactly once an epoch
};

/// Which batch: with the arguments of the reader, the whole state of the iteration.
struct batch_position {
    std::uint64_t epoch = 0;
    std::uint64_t step = 0;

    friend auto operator<=>(const batch_position&, const batch_position&) = default;
};

struct batch_options {
    std::int32_t batch = 128;
    batch_order order = batch_order::training;
    augmentation changes{};  ///< for training only
    std::uint64_t seed = 1;  ///< of order and augmentation
};

/// Makes any batch. What image i looks like in epoch e depends on (seed, e, i) alone: not on the
/// batch size, not on the order of calls, not on threads.
class batch_reader {
public:
    /// Reads the images `indices` of `data`, which must outlive this. Throws bad_input when an
    /// index is out of range, when there is not one full batch to train on, or when nothing is
    /// there.
    batch_reader(dataset_ref data, std::vector<std::uint32_t> indices, const normalization& scale,
                 const batch_options& options);

    /// What rank `rank` of `ranks` reads: step s of the part is step s * ranks + rank of the whole,
    /// so that the ranks together read one global order in batches of ranks x batch() images.
    /// Throws bad_input for a rank that is not there, for a part of a part, for evaluation, and
    /// when there is not one full batch for each rank.
    [[nodiscard]] batch_reader part(int rank, int ranks) const;

    [[nodiscard]] std::uint64_t steps_per_epoch() const noexcept { return steps_; }
    [[nodiscard]] std::int32_t batch() const noexcept { return options_.batch; }
    [[nodiscard]] image_shape shape() const noexcept { return transform_.shape(); }
    [[nodiscard]] batch_position following(batch_position at) const noexcept;

    /// Writes the batch at `at`: float images, height x width x channels one after the other, and
    /// labels. The spans have room for batch() images. Returns how many there are: batch(), or
    /// fewer in the last step of an evaluation. Throws bad_input for a step beyond the epoch, and
    /// what the data set throws.
    std::int32_t read(batch_position at, std::span<float> images, std::span<std::int32_t> labels);

private:
    dataset_ref data_;
    std::vector<std::uint32_t> indices_;
    image_transform transform_;
    batch_options options_;
    std::uint64_t steps_;
    std::uint64_t rank_ = 0;
    std::uint64_t ranks_ = 1;
    // Kept from call to call: the order of one epoch, and the bytes of one batch.
    std::uint64_t order_epoch_ = 0;
    std::vector<std::uint32_t> order_;
    std::vector<std::uint8_t> bytes_;
};

/// A batch in memory of the loader.
struct image_batch {
    std::span<const float> images;  ///< count x height x width x channels
    std::span<const std::int32_t> labels;
    std::int32_t count = 0;
    batch_position position;
};

/// Endless iteration over a reader. One background thread prepares up to two batches ahead; it
/// blocks all signals but those of its own faults and ends with this object.
class loader {
public:
    explicit loader(batch_reader reader, batch_position start = {});
    ~loader();
    loader(loader&&) noexcept;
    loader& operator=(loader&&) noexcept;

    /// The next batch; its spans are valid until the next call. An exception of the data set
    /// arrives here, after the batches before it, and again at every later call.
    [[nodiscard]] image_batch next();
    /// Position of the batch that next() will give: store it and pass it as `start` to go on with
    /// the same bits.
    [[nodiscard]] batch_position position() const noexcept;
    [[nodiscard]] std::uint64_t steps_per_epoch() const noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace lathe
