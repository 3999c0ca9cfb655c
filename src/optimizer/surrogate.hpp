// SPDX-License-Identifier: Apache-2.0
// One predicted number per genotype, by whichever model fits best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/core/hash.hpp"
#include "optimizer/boosted_stumps.hpp"
#include "optimizer/kernel_model.hpp"

namespace lathe::detail {

class surrogate {
public:
    explicit surrogate(const domain& space)
        : genes_per_row_(space.genes()), kernel_(space), stumps_(space) {}

    void add(gene_span genes, double value);
    /// Forgets what was added.
    void clear();
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    /// Learns all that was added. Which model is decided by a first part of the data that grows in
    /// steps, so that the decision depends on the data alone and is seldom made anew.
    void learn();
    /// Rounded: equal on every compiler but for accidents of 1e-6 of the spread.
    [[nodiscard]] double mean(gene_span genes) const;
    /// For each genotype and each of `deviations`, the value so many standard deviations below the
    /// mean: genotype by genotype.
    [[nodiscard]] std::vector<double> hopes(std::span<const gene_span> genotypes,
                                            std::span<const double> deviations) const;

    /// For each genotype, the probability of a value of at most `bound`.
    [[nodiscard]] std::vector<double> probability_within(std::span<const gene_span> genotypes,
                                                         double bound) const;

private:
    [[nodiscard]] std::vector<prediction> predictions(std::span<const gene_span> genotypes) const;
    [[nodiscard]] double from_learned(double z) const;
    void choose(std::size_t n);

    /// Values are learned as z = log(1 + (value - low) / width): differences between good ones count
    /// more than those between bad ones, and order is kept.
    struct scale {
        double low = 0.0;
        double width = 1.0;

        static scale of(std::span<const double> values);
        [[nodiscard]] double learned(double value) const;
        [[nodiscard]] std::vector<double> learned(std::span<const double> values) const;
    };

    std::size_t genes_per_row_;
    std::vector<std::uint16_t> genes_;
    std::vector<double> values_;
    scale scale_;
    kernel_model kernel_;
    boosted_stumps stumps_;
    kernel_config config_;
    bool by_stumps_ = false;
    double stump_error_ = 0.0;  // over the variance
    double stump_deviation_ = 0.0;
    hash64 chosen_for_ = 0;     // the data that decided
};

}  // namespace lathe::detail
