// SPDX-License-Identifier: Apache-2.0
// One predicted number per genotype, by whichever model fits best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "optimizer/boosted_stumps.hpp"
#include "optimizer/kernel_model.hpp"

namespace lathe::detail {

class surrogate {
public:
    explicit surrogate(const domain& space)
        : genes_per_row_(space.genes()), kernel_(space), stumps_(space) {}

    void add(gene_span genes, double value);
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    /// Learns all that was added. Which model is decided by a first part of the data that grows in
    /// steps, so that the decision depends on the data alone and is seldom made anew.
    void learn();
    /// Rounded: equal on every compiler but for accidents of 1e-6 of the spread.
    [[nodiscard]] double mean(gene_span genes) const;
    /// For each of `deviations`, the value so many standard deviations below the mean.
    void hope(gene_span genes, std::span<const double> deviations, std::span<double> values) const;

private:
    /// Values are learned as z = log(1 + (value - low) / width): differences between good ones count
    /// more than those between bad ones, and order is kept.
    [[nodiscard]] double from_learned(double z) const;
    void choose(std::size_t n);

    std::size_t genes_per_row_;
    std::vector<std::uint16_t> genes_;
    std::vector<double> values_;
    std::vector<double> learned_;
    double low_ = 0.0;
    double width_ = 1.0;
    kernel_model kernel_;
    boosted_stumps stumps_;
    kernel_config config_;
    bool by_stumps_ = false;
    double stump_deviation_ = 0.0;
    std::size_t chosen_on_ = 0;
};

}  // namespace lathe::detail
