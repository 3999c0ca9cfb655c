// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and its data gradient as one thing: which source rows and columns meet which
// taps of the kernel in which results.
#pragma once

#include <cstdint>

#include "engine/kernels/ceil_div.hpp"
#include "engine/kernels/depthwise.hpp"

namespace lathe::kernels {

/// The largest kernel height that row_pairs can hold.
inline constexpr std::int64_t most_rows = 16;

enum class direction { forward, data_gradient };

/// Either direction correlates source rows with rows of the kernel. Results of one phase, those with
/// one remainder modulo `phases`, meet the same taps.
struct correlation {
    std::int64_t source_h, source_w, result_h, result_w;
    std::int64_t phases;
    std::int64_t stride;    // source columns from a phase's result to its next
    std::int64_t tap_step;  // kernel columns from tap to tap
};

inline correlation correlation_of(const depthwise_shape& s, direction way) {
    if (way == direction::forward) return {s.in_h, s.in_w, s.out_h, s.out_w, 1, s.stride, 1};
    return {s.out_h, s.out_w, s.in_h, s.in_w, s.stride, 1, -s.stride};
}

struct phase_taps {
    std::int64_t count;
    std::int64_t first;         // kernel column of the first tap
    std::int64_t first_column;  // source column that it meets in the phase's first result
};

inline phase_taps taps_of(const depthwise_shape& s, direction way, std::int64_t phase) {
    if (way == direction::forward) return {s.kernel_w, 0, -s.pad};
    const std::int64_t lowest = (phase + s.pad) % s.stride;
    const std::int64_t count = ceil_div(s.kernel_w - lowest, s.stride);
    const std::int64_t highest = lowest + (count - 1) * s.stride;
    // exact: phase + pad - highest is a multiple of the stride
    return {count, highest, (phase + s.pad - highest) / s.stride};
}

/// Rows of the kernel, in rising order, and the source rows that they meet in one row of results.
struct row_pairs {
    std::int64_t count = 0;
    std::int64_t kernel[most_rows];
    std::int64_t source[most_rows];
};

inline row_pairs pairs_of(const depthwise_shape& s, direction way, std::int64_t result_row) {
    row_pairs pairs;
    for (std::int64_t i = 0; i < s.kernel_h; ++i) {
        std::int64_t source = result_row * s.stride + i - s.pad;
        std::int64_t rows = s.in_h;
        if (way == direction::data_gradient) {
            const std::int64_t scaled = result_row + s.pad - i;
            if (scaled < 0 || scaled % s.stride != 0) continue;
            source = scaled / s.stride;
            rows = s.out_h;
        }
        if (source < 0 || source >= rows) continue;
        pairs.kernel[pairs.count] = i;
        pairs.source[pairs.count] = source;
        ++pairs.count;
    }
    return pairs;
}

/// Source rows that one row of results meets, all within as many neighbouring ones.
inline std::int64_t rows_at_once(const depthwise_shape& s, const correlation& c) {
    return ceil_div(s.kernel_h, c.phases);
}

}  // namespace lathe::kernels
