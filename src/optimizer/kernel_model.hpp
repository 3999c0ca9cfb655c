// SPDX-License-Identifier: Apache-2.0
// Regression on genotypes: Gaussian processes and kernel ridge, chosen by cross-validation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "optimizer/domain.hpp"
#include "optimizer/training_data.hpp"

namespace lathe::detail {

/// Covariances as functions of the similarity s in [0, 1], the weighted share of equal genes (on an
/// ordinal axis also of near ones).
enum class kernel_shape : std::uint8_t {
    linear,       ///< s: ridge on one-hot genes
    quadratic,    ///< s + s^2: ridge on one-hot genes and pairs of them
    exponential   ///< exp((s - 1) / length): Gaussian process
};

/// What two options of an axis have in common.
enum class likeness : std::uint8_t {
    plain,     ///< nothing on a categorical axis, nearness on an ordinal one; axes count alike
    weighted,  ///< the same, axes count by their main effect
    encoded    ///< half that, half how near the main effects of the two options are
};

struct kernel_config {
    kernel_shape shape = kernel_shape::exponential;
    likeness options = likeness::plain;
    double length = 0.5;
    double noise = 0.01;    ///< variance of the noise over that of the signal

    friend bool operator==(const kernel_config&, const kernel_config&) = default;
};

struct kernel_choice {
    kernel_config config;
    double error = 0.0;
};

struct prediction {
    double mean = 0.0;
    double deviation = 0.0;
};

class kernel_model {
public:
    explicit kernel_model(const domain& space);

    /// The configuration with the least error of cross-validation, and that error over the variance
    /// of the values. O(n^3) per configuration.
    [[nodiscard]] kernel_choice choose(const training_data& data) const;
    /// Precondition: n >= 2. O(n^3).
    void fit(const training_data& data, const kernel_config& config);
    /// Without the deviation: O(n).
    [[nodiscard]] double mean(gene_span genes) const;
    /// O(n^2) for each genotype.
    [[nodiscard]] std::vector<prediction> predict(std::span<const gene_span> genotypes) const;

private:
    /// Adds the squared errors on what is held out, for each configuration. Fastest where those with
    /// the same likeness are neighbours.
    void add_errors(const fold_split& split, std::span<const kernel_config> tried,
                    std::span<double> squares) const;
    void set_likeness(const training_data& data, likeness kind);
    void set_terms();
    [[nodiscard]] double similarity(const std::uint16_t* a, const std::uint16_t* b) const;
    [[nodiscard]] double covariance(double similarity) const;
    /// With the first genotypes of `others`, as many as `out` has room for.
    void covariances(const std::uint16_t* genes, const std::uint16_t* others,
                     std::span<double> out) const;
    /// Per axis and option: mean of the values with that option, shrunk, less the mean of all.
    [[nodiscard]] std::vector<std::vector<double>> main_effects(const training_data& data) const;
    /// 1 for equal options, down to 0.
    [[nodiscard]] double nearness(std::size_t axis, std::size_t x, std::size_t y) const;

    std::vector<std::uint32_t> sizes_;
    std::vector<axis_kind> kinds_;
    std::vector<std::vector<double>> likeness_;  // per axis, options x options, weights included
    kernel_config config_;
    /// Like likeness_. For the exponential shape its factors, exp(likeness / length): their product
    /// with exp(-1 / length) is the covariance.
    std::vector<std::vector<double>> terms_;
    double offset_ = 0.0;
    double scale_ = 1.0;
    double signal_ = 1.0;                // standard deviation of the fitted process, scaled
    std::vector<std::uint16_t> genes_;   // of the training data
    std::vector<double> alpha_;          // K^-1 y
    std::vector<double> factor_;         // lower Cholesky factor of K, row by row
};

}  // namespace lathe::detail
