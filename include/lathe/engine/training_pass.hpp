// SPDX-License-Identifier: Apache-2.0
// Forward and backward of any network on shared weights, batch by batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lathe/network/network.hpp"
#include "lathe/network/statistics.hpp"

namespace lathe {

/// A base tensor in memory: all of it, dense, row-major. backward() adds to `gradient`.
struct parameter_memory {
    float* value = nullptr;
    float* gradient = nullptr;
};
/// Finds a base tensor; throws bad_input for one it does not have. Called by several threads at once.
using parameter_access = std::function<parameter_memory(const param_ref& ref)>;

enum class pass_kind : std::uint8_t {
    training,    ///< keeps what backward() needs
    statistics   ///< forward only, for the batch statistics
};

/// How feature maps and their gradients are stored between layers. Weights, sums and statistics are
/// float32 always, and so are vectors, the loss among them.
enum class precision : std::uint8_t {
    automatic,  ///< bf16 where the CPU multiplies it natively, f32 elsewhere
    f32,
    bf16  ///< half the memory traffic, relative error 2^-9 at each layer
};

/// Whether the CPU has the instructions (AVX-512 BF16 or AMX) and oneDNN may use them.
[[nodiscard]] bool has_fast_bf16();
/// What automatic means on this machine; the others as they are.
[[nodiscard]] precision resolve(precision p);

/// What the passes so far have cost.
struct pass_counters {
    std::int64_t primitives_made = 0;
    std::int64_t primitives_reused = 0;
    double making_seconds = 0.0;       ///< of all threads, spent on making primitives
    double kernel_seconds = 0.0;       ///< spent inside kernels
    std::int64_t arena_bytes = 0;      ///< largest arena so far
};

/// Buffers come from one arena that is planned per network and kept between passes; primitives come
/// from a bounded cache. Bit-identical results for a fixed thread count, CPU and library.
/// Not thread-safe: one object per training thread.
class training_pass {
public:
    /// Throws bad_input for less than one thread, unsupported for bf16 on a CPU without.
    explicit training_pass(int threads, precision images = precision::f32);
    ~training_pass();
    training_pass(training_pass&&) noexcept;
    training_pass& operator=(training_pass&&) noexcept;

    /// Bytes of the arena with which forward() and backward() train `net`. Runs nothing. Throws as
    /// forward() does.
    [[nodiscard]] std::int64_t arena_bytes(const network& net, int batch);
    /// From now on a pass that needs a larger arena throws bad_input before it takes it.
    void bound_arena(std::int64_t bytes) noexcept;

    /// `images`: (batch, height, width, channels). Norms use the batch's own statistics. Returns the
    /// first output, (batch, features), valid until the next call. Network and images are read again
    /// by backward().
    /// Throws unsupported (naming the layer) for what cannot be trained, shape for another number of
    /// floats than one input takes, bad_input for an empty batch.
    std::span<const float> forward(const network& net, const parameter_access& access,
                                   std::span<const float> images, int batch,
                                   pass_kind kind = pass_kind::training);

    /// The last forward() once more on other images, nothing planned anew: network and parameters must
    /// be where they were then. Throws bad_input without a forward() that succeeded in planning, shape
    /// for another number of floats.
    std::span<const float> forward_again(std::span<const float> images);

    /// Gradients of all parameters for the last forward(), given that of the first output. Adds to
    /// the gradients behind the accessor. Throws bad_input unless forward() with pass_kind::training
    /// came last and succeeded, once for each such call, and shape for another number of floats.
    void backward(std::span<const float> output_gradient);

    /// Batch statistics of the last forward(), one entry per node, empty for nodes without.
    [[nodiscard]] const std::vector<norm_statistics>& batch_statistics() const noexcept;
    [[nodiscard]] const pass_counters& counters() const noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace lathe
