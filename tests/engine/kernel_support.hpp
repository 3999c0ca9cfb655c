// SPDX-License-Identifier: Apache-2.0
// What the tests of the kernels share: seeded data, thread counts, Highway targets, comparison.
#pragma once

#include <hwy/targets.h>
#include <omp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace kernel_test {

using floats = std::vector<float>;

/// Values of about [-range, range] that depend on the seed alone.
inline floats random_floats(std::int64_t count, std::uint64_t seed, float range = 1.0F) {
    std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    floats values(static_cast<std::size_t>(count));
    for (float& value : values) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        value = range * (static_cast<float>(state >> 40U) / 8388608.0F - 1.0F);
    }
    return values;
}

/// Highway targets that both this CPU and the build have.
inline std::vector<std::int64_t> attainable_targets() {
    hwy::SetSupportedTargetsForTest(0);
    std::vector<std::int64_t> targets;
    for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4}) {
        if ((hwy::SupportedTargets() & target) != 0) targets.push_back(target);
    }
    targets.push_back(HWY_STATIC_TARGET);
    return targets;
}

/// Makes one target the only one while it lives.
class only_target {
public:
    explicit only_target(std::int64_t target) { hwy::SetSupportedTargetsForTest(target); }
    ~only_target() { hwy::SetSupportedTargetsForTest(0); }
    only_target(const only_target&) = delete;
    only_target& operator=(const only_target&) = delete;
};

/// Sets the OpenMP thread count while it lives.
class thread_count {
public:
    explicit thread_count(int threads) : before_(omp_get_max_threads()) {
        omp_set_num_threads(threads);
    }
    ~thread_count() { omp_set_num_threads(before_); }
    thread_count(const thread_count&) = delete;
    thread_count& operator=(const thread_count&) = delete;

private:
    int before_;
};

inline constexpr int most_threads = 3;

inline bool same_bits(const floats& a, const floats& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// Largest difference over the largest reference value (at least `floor`); NaN is infinite.
template <class Reference>
double relative_error(const floats& values, const std::vector<Reference>& reference,
                      double floor = 1e-3) {
    REQUIRE(values.size() == reference.size());
    double largest = floor;
    double difference = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double expected = static_cast<double>(reference[i]);
        largest = std::max(largest, std::abs(expected));
        const double distance = std::abs(static_cast<double>(values[i]) - expected);
        difference = std::max(difference, distance >= 0 ? distance : HUGE_VAL);
    }
    return difference / largest;
}

/// `compute` (returns floats) must be within `tolerance` of the reference on every target, and give
/// the same bits with 1, 2 and 3 threads.
template <class Compute, class Reference>
void check_everywhere(const Compute& compute, const std::vector<Reference>& reference,
                      double tolerance = 1e-5) {
    for (const std::int64_t target : attainable_targets()) {
        const only_target only(target);
        const thread_count one(1);
        INFO("target " << hwy::TargetName(target));
        CHECK(relative_error(compute(), reference) < tolerance);
    }
    const thread_count one(1);
    const floats expected = compute();
    for (int threads = 2; threads <= most_threads; ++threads) {
        const thread_count set(threads);
        INFO(threads << " threads");
        CHECK(same_bits(compute(), expected));
    }
}

}  // namespace kernel_test
