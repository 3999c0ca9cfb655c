// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/muon.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "engine/kernels/sgd.hpp"

namespace lathe::kernels {
namespace {

// The polynomial of Jordan et al.: steep at zero, so that five steps are enough.
constexpr int newton_schulz_steps = 5;
constexpr float linear = 3.4445F;
constexpr float cubic = -4.7750F;
constexpr float quintic = 2.0315F;
/// Elements of shorter directions have squares that are no floats.
constexpr double shortest_direction = 1e-15;

/// Buffers of one thread.
class orthogonalizer {
public:
    explicit orthogonalizer(std::size_t largest)
        : direction_(largest), next_(largest), gram_(largest), factor_(largest) {}

    /// (rows, columns), to be filled before run().
    [[nodiscard]] std::span<float> direction(const muon_matrix& m) {
        return {direction_.data(), m.weight.size()};
    }

    /// Makes the direction orthogonal. False where oneDNN finds no memory.
    [[nodiscard]] bool run(const muon_matrix& m) {
        const bool wide = m.rows <= m.columns;
        const std::int64_t side = std::min(m.rows, m.columns);
        const std::int64_t length = std::max(m.rows, m.columns);
        const auto squares = static_cast<std::size_t>(side * side);
        const auto multiply = [&](char ta, char tb, std::int64_t rows, std::int64_t columns,
                                  std::int64_t inner, float alpha, const float* a, std::int64_t lda,
                                  const float* b, std::int64_t ldb, float beta, float* c,
                                  std::int64_t ldc) {
            return dnnl::sgemm(ta, tb, rows, columns, inner, alpha, a, lda, b, ldb, beta, c, ldc) ==
                   dnnl::status::success;
        };
        for (int step = 0; step < newton_schulz_steps; ++step) {
            const float* x = direction_.data();
            bool done = multiply(wide ? 'N' : 'T', wide ? 'T' : 'N', side, side, length, 1.0F, x,
                                 m.columns, x, m.columns, 0.0F, gram_.data(), side);
            std::copy_n(gram_.begin(), squares, factor_.begin());
            done = done && multiply('N', 'N', side, side, side, quintic, gram_.data(), side,
                                    gram_.data(), side, cubic, factor_.data(), side);
            std::copy_n(direction_.begin(), m.weight.size(), next_.begin());
            done =
                done && multiply('N', 'N', m.rows, m.columns, side, 1.0F, wide ? factor_.data() : x,
                                 wide ? side : m.columns, wide ? x : factor_.data(),
                                 wide ? m.columns : side, linear, next_.data(), m.columns);
            if (!done) return false;
            direction_.swap(next_);
        }
        return true;
    }

private:
    std::vector<float> direction_, next_, gram_, factor_;
};

void scale(std::span<float> values, double factor) {
    for (float& v : values) v *= static_cast<float>(factor);
}

double norm(std::span<const float> values) { return std::sqrt(sum_of_squares(values)); }

/// False, with the weight as it was, where oneDNN finds no memory. Throws std::bad_alloc.
bool step(const muon_settings& settings, const muon_matrix& m, orthogonalizer& scratch) {
    const std::span<float> direction = scratch.direction(m);
    for (std::size_t i = 0; i < direction.size(); ++i) {
        const float g = settings.gradient_scale * m.gradient[i];
        m.velocity[i] = settings.momentum * m.velocity[i] + g;
        direction[i] = g + settings.momentum * m.velocity[i];
    }
    const double length = norm(direction);
    if (length < shortest_direction) return true;
    scale(direction, 1.0 / length);
    if (!scratch.run(m)) return false;
    const std::span<const float> orthogonal = scratch.direction(m);
    const double before = norm(m.weight);
    const auto rate =
        static_cast<float>(settings.rate * before / std::sqrt(static_cast<double>(m.rows)));
    for (std::size_t i = 0; i < orthogonal.size(); ++i) m.weight[i] -= rate * orthogonal[i];
    if (const double after = norm(m.weight); after > 0.0) scale(m.weight, before / after);
    return true;
}

/// step() for loops over threads, which no exception may leave.
bool stepped(const muon_settings& settings, const muon_matrix& m,
             orthogonalizer& scratch) noexcept {
    try {
        return step(settings, m, scratch);
    } catch (const std::bad_alloc&) {
        return false;
    }
}

}  // namespace

void muon_step(const muon_settings& settings, std::span<const muon_matrix> matrices) {
    std::vector<const muon_matrix*> by_size;
    for (const auto& m : matrices) by_size.push_back(&m);
    std::ranges::stable_sort(by_size, std::ranges::greater{},
                             [](const muon_matrix* m) { return m->weight.size(); });
    if (by_size.empty()) return;
    const std::size_t largest = by_size.front()->weight.size();
    const auto count = static_cast<std::int64_t>(by_size.size());
    const auto threads = static_cast<int>(std::min<std::int64_t>(omp_get_max_threads(), count));
    std::vector<orthogonalizer> scratch;
    for (int t = 0; t < threads; ++t) scratch.emplace_back(largest);
    std::atomic<bool> done = true;
#pragma omp parallel num_threads(threads)
    {
        omp_set_num_threads(1);  // for oneDNN, which divides a product among threads if it may
        auto& own = scratch[static_cast<std::size_t>(omp_get_thread_num())];
        // The largest first, whoever is free: the sizes differ by orders of magnitude.
#pragma omp for schedule(dynamic, 1)
        for (std::int64_t i = 0; i < count; ++i) {
            if (!stepped(settings, *by_size[static_cast<std::size_t>(i)], own)) done = false;
        }
    }
    if (!done) throw std::bad_alloc();
}

}  // namespace lathe::kernels
