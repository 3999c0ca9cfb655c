// SPDX-License-Identifier: Apache-2.0
// Genotypes with a value each, and their parts for cross-validation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lathe::detail {

/// n genotypes, row by row, and one value for each. Views.
struct training_data {
    std::span<const std::uint16_t> genes;
    std::span<const double> values;
};

/// Precondition: not empty.
inline double mean_of(std::span<const double> values) {
    double sum = 0.0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(values.size());
}
inline double variance_of(std::span<const double> values, double mean) {
    double squares = 0.0;
    for (const double v : values) squares += (v - mean) * (v - mean);
    return squares / static_cast<double>(values.size());
}

inline constexpr std::size_t folds = 5;

struct data_part {
    std::vector<std::uint16_t> genes;
    std::vector<double> values;

    [[nodiscard]] training_data view() const noexcept { return {genes, values}; }
};
/// The rows i with i % folds == fold are held out, the rest is to learn from.
struct fold_split {
    data_part rest, held_out;

    fold_split(const training_data& data, std::size_t genes_per_row, std::size_t fold) {
        for (std::size_t i = 0; i < data.values.size(); ++i) {
            data_part& part = i % folds == fold ? held_out : rest;
            const auto row = data.genes.subspan(i * genes_per_row, genes_per_row);
            part.genes.insert(part.genes.end(), row.begin(), row.end());
            part.values.push_back(data.values[i]);
        }
    }
};

}  // namespace lathe::detail
