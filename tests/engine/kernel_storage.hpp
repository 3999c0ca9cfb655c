// SPDX-License-Identifier: Apache-2.0
// For the tests of kernels on tensors stored in bf16: they must give what float gives on the same
// values, rounded once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "engine/kernels/bf16.hpp"
#include "kernel_support.hpp"

namespace kernel_test {

using lathe::kernels::bf16;
using halves = std::vector<bf16>;

inline halves narrowed(const floats& values) {
    halves result;
    for (const float value : values) result.push_back(lathe::kernels::to_bf16(value));
    return result;
}

/// The same values in the storage type T.
template <class T>
std::vector<T> stored(const halves& values) {
    if constexpr (std::is_same_v<T, bf16>) {
        return values;
    } else {
        floats result;
        for (const bf16 value : values) result.push_back(lathe::kernels::to_float(value));
        return result;
    }
}

inline halves random_halves(std::int64_t count, std::uint64_t seed, float range = 1.0F) {
    return narrowed(random_floats(count, seed, range));
}

/// NaN, infinities, zeros, the smallest and the largest numbers.
inline halves special_halves() {
    using limits = std::numeric_limits<float>;
    return narrowed({limits::quiet_NaN(), limits::infinity(), -limits::infinity(), 0.0F, -0.0F,
                     0x1p-133F, -0x1p-127F, limits::min(), 0x1.FEp127F, -0x1.FEp127F, 1.0F});
}

/// Equal bits, where the bits of NaN are free, and so is whether what is not above the smallest normal
/// number is kept or zero of its sign once it is rounded to bf16: CPUs differ.
template <class T>
bool same_value(T a, T b) {
    const float x = lathe::kernels::to_float(a);
    const float y = lathe::kernels::to_float(b);
    if (std::isnan(x)) return std::isnan(y);
    if constexpr (std::is_same_v<T, bf16>) {
        constexpr float tiny = std::numeric_limits<float>::min();
        if (std::abs(x) <= tiny && std::abs(y) <= tiny) return std::signbit(x) == std::signbit(y);
    }
    return std::memcmp(&x, &y, sizeof x) == 0;
}
template <class T>
bool same_values(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value<T>);
}

/// What a kernel gives: tensors, and values that are floats whatever the storage.
template <class T>
struct outputs {
    std::vector<T> tensors;
    floats values;

    void add(const std::vector<T>& tensor) {
        tensors.insert(tensors.end(), tensor.begin(), tensor.end());
    }
    void add_values(const floats& more) { values.insert(values.end(), more.begin(), more.end()); }
};

/// On every target and with 1, 2 and 3 threads, compute(bf16{}), of type outputs<bf16>, must be
/// compute(float{}) on one thread with the tensors rounded.
template <class Compute>
void check_rounds_once(const Compute& compute) {
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        INFO("target " << hwy::TargetName(target));
        outputs<float> exact;
        {
            const thread_count one(1);
            exact = compute(float{});
        }
        const halves expected = narrowed(exact.tensors);
        for (int threads = 1; threads <= most_threads; ++threads) {
            const thread_count set(threads);
            INFO(threads << " threads");
            const outputs<bf16> result = compute(bf16{});
            CHECK(same_values(result.tensors, expected));
            CHECK(same_values(result.values, exact.values));
        }
    }
}

}  // namespace kernel_test
