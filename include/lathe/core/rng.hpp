// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: the n-th draw of a stream is a function of (seed, stream, n) alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace lathe {

/// Philox4x32-10 (Salmon et al., SC 2011). Value type; copying it forks the same sequence.
/// No draw uses a `std::` distribution, so the bits do not depend on the standard library.
class rng {
public:
    explicit rng(std::uint64_t seed, std::uint64_t stream = 0) noexcept
        : seed_(seed), stream_(stream) {}

    /// An independent generator for one purpose, e.g. child("crossover", generation).
    [[nodiscard]] rng child(std::string_view purpose, std::uint64_t index = 0) const noexcept;

    /// 32 uniform bits.
    std::uint32_t bits() noexcept {
        const std::uint64_t n = position_++;
        if (n / held != cached_) draw(n / held);
        return draws_[n % held];
    }
    /// Uniform in [0, n), unbiased (Lemire 2019). Precondition: n > 0.
    std::uint32_t below(std::uint32_t n) noexcept {
        std::uint64_t product = std::uint64_t{bits()} * n;
        if (static_cast<std::uint32_t>(product) < n) {
            const std::uint32_t rejected = (0U - n) % n;
            while (static_cast<std::uint32_t>(product) < rejected) product = std::uint64_t{bits()} * n;
        }
        return static_cast<std::uint32_t>(product >> 32);
    }
    /// Uniform in [0, 1), 53 random bits.
    double real() noexcept;
    /// Standard normal (Box-Muller). Uses libm: for weights and data, not for search decisions.
    double normal() noexcept;
    /// True with the given probability.
    bool flip(double probability) noexcept { return real() < probability; }

    /// Fisher-Yates on any random-access container.
    template <class Container>
    void shuffle(Container& items) noexcept {
        for (std::size_t i = items.size(); i > 1; --i) {
            std::swap(items[i - 1], items[below(static_cast<std::uint32_t>(i))]);
        }
    }

    /// Position in the stream; with the constructor's arguments it is the whole state.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    void seek(std::uint64_t position) noexcept { position_ = position; }

private:
    /// Two blocks of four draws, which the processor works out side by side.
    static constexpr std::size_t held = 8;
    void draw(std::uint64_t which) noexcept;

    std::uint64_t seed_;
    std::uint64_t stream_;
    std::uint64_t position_ = 0;
    std::uint64_t cached_ = ~std::uint64_t{0};  // which draws are held
    std::array<std::uint32_t, held> draws_{};
};

}  // namespace lathe
