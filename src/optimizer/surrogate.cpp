// SPDX-License-Identifier: Apache-2.0
#include "optimizer/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

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

void surrogate::clear() {
    genes_.clear();
    values_.clear();
}

surrogate::scale surrogate::scale::of(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    scale s{sorted.front(), sorted[sorted.size() / 2] - sorted.front()};
    if (!(s.width > 0.0)) s.width = sorted.back() > s.low ? sorted.back() - s.low : 1.0;
    return s;
}

double surrogate::scale::learned(double value) const { return std::log1p((value - low) / width); }

std::vector<double> surrogate::scale::learned(std::span<const double> values) const {
    std::vector<double> z;
    for (const double v : values) z.push_back(learned(v));
    return z;
}

void surrogate::learn() {
    choose(step_below(values_.size()));
    scale_ = scale::of(values_);
    const std::vector<double> learned = scale_.learned(values_);
    if (by_stumps_) {
        stumps_.fit({genes_, learned});
        stump_deviation_ = std::sqrt(stump_error_ * variance_of(learned, mean_of(learned)));
    } else {
        kernel_.fit({genes_, learned}, config_);
    }
}

void surrogate::choose(std::size_t n) {
    // Of many outcomes the latest: they lie where the search now looks.
    const std::size_t from = n > most_compared ? n - most_compared : 0;
    const auto genes = std::span(genes_).subspan(from * genes_per_row_, (n - from) * genes_per_row_);
    const auto values = std::span(values_).subspan(from, n - from);
    hasher h;
    h.add_bytes(std::as_bytes(genes)).add_bytes(std::as_bytes(values));
    if (std::exchange(chosen_for_, h.value()) == h.value()) return;
    const std::vector<double> learned = scale::of(values).learned(values);
    const kernel_choice kernel = kernel_.choose({genes, learned});
    config_ = kernel.config;
    stump_error_ = std::nearbyint(stumps_.cross_validate({genes, learned}) * 1e6) * 1e-6;
    by_stumps_ = stump_error_ < kernel.error;
}

double surrogate::from_learned(double z) const {
    constexpr double unit = 0x1.0p-20;
    const double y = std::expm1(std::nearbyint(z / unit) * unit);
    return scale_.low + scale_.width * (std::nearbyint(y / unit) * unit);
}

double surrogate::mean(gene_span genes) const {
    return from_learned(by_stumps_ ? stumps_.mean(genes) : kernel_.mean(genes));
}

std::vector<prediction> surrogate::predictions(std::span<const gene_span> genotypes) const {
    if (!by_stumps_) return kernel_.predict(genotypes);
    std::vector<prediction> all;
    for (const auto genes : genotypes) all.push_back({stumps_.mean(genes), stump_deviation_});
    return all;
}

std::vector<double> surrogate::hopes(std::span<const gene_span> genotypes,
                                     std::span<const double> deviations) const {
    std::vector<double> values;
    for (const prediction& p : predictions(genotypes)) {
        for (const double d : deviations) values.push_back(from_learned(p.mean - d * p.deviation));
    }
    return values;
}

std::vector<double> surrogate::probability_within(std::span<const gene_span> genotypes,
                                                  double bound) const {
    constexpr double unit = 0x1.0p-20;
    const double z = scale_.learned(std::max(bound, scale_.low));
    std::vector<double> probabilities;
    for (const prediction& p : predictions(genotypes)) {
        const double deviations = (z - p.mean) / std::max(p.deviation, unit);
        const double probability = 0.5 * std::erfc(-deviations / std::numbers::sqrt2);
        probabilities.push_back(std::nearbyint(probability / unit) * unit);
    }
    return probabilities;
}

}  // namespace lathe::detail
