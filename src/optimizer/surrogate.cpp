// SPDX-License-Identifier: Apache-2.0
#include "optimizer/surrogate.hpp"

#include <algorithm>
#include <cmath>

namespace lathe::detail {
namespace {

constexpr std::size_t first_choice = 16;
constexpr std::size_t most_compared = 160;  // outcomes on which models are compared: O(n^3) each

/// The largest number of the steps 16, 20, 25, ... that is not above n.
std::size_t step_below(std::size_t n) {
    std::size_t step = std::min(n, first_choice);
    while (step + step / 4 <= n && step >= first_choice) step += step / 4;
    return step;
}

}  // namespace

void surrogate::add(gene_span genes, double value) {
    genes_.insert(genes_.end(), genes.begin(), genes.end());
    values_.push_back(value);
}

void surrogate::learn() {
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    low_ = sorted.front();
    width_ = sorted[sorted.size() / 2] - low_;
    if (!(width_ > 0.0)) width_ = sorted.back() > low_ ? sorted.back() - low_ : 1.0;
    learned_.resize(values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
        learned_[i] = std::log1p((values_[i] - low_) / width_);
    }
    const std::size_t step = step_below(values_.size());
    if (step != chosen_on_) choose(step);
    if (by_stumps_) {
        stumps_.fit({genes_, learned_});
    } else {
        kernel_.fit({genes_, learned_}, config_);
    }
}

void surrogate::choose(std::size_t n) {
    chosen_on_ = n;
    // Of many outcomes the latest: they lie where the search now looks.
    const std::size_t from = n > most_compared ? n - most_compared : 0;
    const training_data some{
        std::span(genes_).subspan(from * genes_per_row_, (n - from) * genes_per_row_),
        std::span(learned_).subspan(from, n - from)};
    double error = 0.0;
    config_ = kernel_.choose(some, &error);
    const double stump_error = std::nearbyint(stumps_.cross_validate(some) * 1e6) * 1e-6;
    by_stumps_ = stump_error < error;
    double mean = 0.0, squares = 0.0;
    for (const double v : some.values) mean += v / static_cast<double>(some.values.size());
    for (const double v : some.values) squares += (v - mean) * (v - mean);
    stump_deviation_ =
        std::sqrt(stump_error * squares / static_cast<double>(some.values.size()));
}

double surrogate::from_learned(double z) const {
    constexpr double unit = 0x1.0p-20;
    const double y = std::expm1(std::nearbyint(z / unit) * unit);
    return low_ + width_ * (std::nearbyint(y / unit) * unit);
}

double surrogate::mean(gene_span genes) const {
    return from_learned(by_stumps_ ? stumps_.mean(genes) : kernel_.mean(genes));
}

void surrogate::hope(gene_span genes, std::span<const double> deviations,
                     std::span<double> values) const {
    const prediction p = by_stumps_ ? prediction{stumps_.mean(genes), stump_deviation_}
                                    : kernel_.predict(genes);
    for (std::size_t i = 0; i < deviations.size(); ++i) {
        values[i] = from_learned(p.mean - deviations[i] * p.deviation);
    }
}

}  // namespace lathe::detail
