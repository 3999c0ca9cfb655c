// SPDX-License-Identifier: Apache-2.0
// Runs a compiled network in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/core/deployment.hpp"
#include "lathe/core/units.hpp"
#include "lathe/network/network.hpp"
#include "lathe/network/program.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/network/weights.hpp"

namespace lathe {

/// Pages of the memory that an executor takes.
enum class memory_pages : std::uint8_t {
    normal,
    /// Transparent huge pages where the system has them: fewer address translations for networks of
    /// many megabytes. Arena and weights take whole pages of 2 MiB then.
    huge
};

/// A network with folded statistics and packed weights, ready to be called over and over. All memory
/// is taken by the constructor. One executor serves one stream at a time; stream() makes another
/// one that shares the weights. Movable, not copyable.
class executor {
public:
    /// Statistics must belong to `net`. `arena`, if not empty, is used instead of own memory: at least
    /// arena_bytes of compile(net, target), aligned to 64 bytes, outliving the executor.
    /// Throws not_calibrated for foreign statistics, numeric for non-finite weights (naming the
    /// tensor), bad_input for a small or misaligned arena, and what compile() throws.
    executor(const network& net, const weight_reader& weights,
             const calibrated_statistics& statistics, const deployment& target,
             std::span<std::byte> arena = {}, memory_pages pages = memory_pages::normal);
    ~executor();
    executor(executor&&) noexcept;
    executor& operator=(executor&&) noexcept;

    /// An executor with the same weights and an arena of its own, on the same kind of pages.
    [[nodiscard]] executor stream(std::span<std::byte> arena = {}) const;

    /// Where the caller puts the batch before run(): (batch, height, width, channels) for images,
    /// (batch, features) for vectors. The contents are undefined after run(). Throws bad_input for an
    /// index that the network does not have.
    [[nodiscard]] std::span<float> input(std::size_t index = 0);
    /// Valid after run(): (batch, features) or (batch, height, width, channels). Throws bad_input for
    /// an index that the network does not have.
    [[nodiscard]] std::span<const float> output(std::size_t index = 0) const;

    /// One call, the whole batch, with deployment::threads threads, program::tile images at a time. The
    /// caller's thread count is left as it was.
    void run();

    /// The compiled program; the same as compile(net, target).
    [[nodiscard]] const program& plan() const noexcept;

    /// Median time of each step over `repeats` runs of the whole program, all tiles together, in the
    /// order of steps. Throws bad_input for fewer than 1.
    [[nodiscard]] std::vector<nanoseconds> time_steps(int repeats);

private:
    struct state;
    explicit executor(std::unique_ptr<state> s) noexcept;
    std::unique_ptr<state> state_;
};

}  // namespace lathe
