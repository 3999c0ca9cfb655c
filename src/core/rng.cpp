// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/rng.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "lathe/core/hash.hpp"

namespace lathe {
namespace {

using block = std::array<std::uint32_t, 4>;

block philox(block counter, std::uint32_t key0, std::uint32_t key1) noexcept {
    constexpr int rounds = 10;
    for (int round = 0; round < rounds; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0,
                   static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1,
                   static_cast<std::uint32_t>(a)};
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return counter;
}

}  // namespace

rng rng::child(std::string_view purpose, std::uint64_t index) const noexcept {
    return rng(seed_, hasher().add(stream_).add(purpose).add(index).value());
}

void rng::draw(std::uint64_t which) noexcept {
    cached_ = which;
    for (std::uint64_t half = 0; half < 2; ++half) {
        const std::uint64_t n = 2 * which + half;
        const block counter = {static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32),
                               static_cast<std::uint32_t>(stream_),
                               static_cast<std::uint32_t>(stream_ >> 32)};
        const block drawn = philox(counter, static_cast<std::uint32_t>(seed_),
                                   static_cast<std::uint32_t>(seed_ >> 32));
        std::copy(drawn.begin(), drawn.end(), draws_.begin() + 4 * half);
    }
}

double rng::real() noexcept {
    const std::uint64_t high = bits();
    const std::uint64_t low = bits();
    return static_cast<double>(((high << 32) | low) >> 11) * 0x1.0p-53;
}

double rng::normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - real()));
    return radius * std::cos(2.0 * std::numbers::pi * real());
}

}  // namespace lathe
