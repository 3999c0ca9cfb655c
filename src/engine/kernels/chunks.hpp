// SPDX-License-Identifier: Apache-2.0
// Work cut into chunks that depend on the problem alone, so that sums over them have one order
// whatever the thread count; and the chunks of one thread.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace lathe::kernels {

/// Rows of one width, cut into chunks of at most `chunk_bytes` (one row at the least).
class row_chunks {
public:
    static constexpr std::int64_t chunk_bytes = 128 * 1024;

    row_chunks(std::int64_t rows, std::int64_t row_floats)
        : rows_(rows),
          count_(std::clamp<std::int64_t>(rows * row_floats * bytes_per_float / chunk_bytes + 1, 1,
                                          std::max<std::int64_t>(rows, 1))) {}

    /// `count` chunks, as equal as may be. Precondition: 1 <= count <= rows.
    [[nodiscard]] static row_chunks of(std::int64_t rows, std::int64_t count) {
        row_chunks chunks(rows, 1);
        chunks.count_ = count;
        return chunks;
    }

    [[nodiscard]] std::int64_t rows() const { return rows_; }
    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::int64_t begin(std::int64_t chunk) const { return chunk * rows_ / count_; }
    [[nodiscard]] std::int64_t size(std::int64_t chunk) const {
        return begin(chunk + 1) - begin(chunk);
    }

private:
    static constexpr std::int64_t bytes_per_float = 4;
    std::int64_t rows_;
    std::int64_t count_;
};

struct index_range {
    std::int64_t first;
    std::int64_t last;
};

/// The contiguous part of [0, count) of the calling thread of a parallel region.
inline index_range part_of_this_thread(std::int64_t count) {
    const std::int64_t thread = omp_get_thread_num();
    const std::int64_t threads = omp_get_num_threads();
    return {thread * count / threads, (thread + 1) * count / threads};
}

}  // namespace lathe::kernels
