// SPDX-License-Identifier: Apache-2.0
#include "optimizer/kernel_model.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::detail {
namespace {

using matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using vector = Eigen::VectorXd;

constexpr double ridge_floor = 1e-10;  // keeps near-singular matrices factorable

double mean_of(std::span<const double> values) {
    double sum = 0.0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values, double mean) {
    double squares = 0.0;
    for (const double v : values) squares += (v - mean) * (v - mean);
    const double d = std::sqrt(squares / static_cast<double>(values.size()));
    return d > 0.0 ? d : 1.0;
}

}  // namespace

kernel_model::kernel_model(const domain& space)
    : sizes_(space.sizes().begin(), space.sizes().end()) {
    for (const auto& a : space.axes()) kinds_.push_back(a.kind);
}

/// Variance of the values explained by each gene alone, options with few samples shrunk to the mean.
std::vector<double> kernel_model::main_effects(const training_data& data) const {
    const std::size_t n = data.values.size();
    const std::size_t genes = sizes_.size();
    const double mean = mean_of(data.values);
    std::vector<double> effects(genes, 0.0);
    std::vector<double> sum, count;
    for (std::size_t a = 0; a < genes; ++a) {
        sum.assign(sizes_[a], 0.0);
        count.assign(sizes_[a], 0.0);
        for (std::size_t i = 0; i < n; ++i) {
            sum[data.genes[i * genes + a]] += data.values[i] - mean;
            count[data.genes[i * genes + a]] += 1.0;
        }
        for (std::size_t o = 0; o < sum.size(); ++o) {
            const double shrunk = sum[o] / (count[o] + 1.0);
            effects[a] += shrunk * shrunk * count[o];
        }
    }
    return effects;
}

void kernel_model::set_weights(const training_data& data, bool weighted) {
    std::vector<double> weights(sizes_.size(), 1.0);
    if (weighted) {
        weights = main_effects(data);
        const double least = 0.05 * *std::max_element(weights.begin(), weights.end());
        for (auto& w : weights) w = std::sqrt(std::max(w, least));
    }
    double total = 0.0;
    for (std::size_t a = 0; a < sizes_.size(); ++a) total += sizes_[a] > 1 ? weights[a] : 0.0;
    likeness_.assign(sizes_.size(), {});
    for (std::size_t a = 0; a < sizes_.size(); ++a) {
        const std::size_t size = sizes_[a];
        const double w = size > 1 && total > 0.0 ? weights[a] / total : 0.0;
        likeness_[a].resize(size * size);
        for (std::size_t x = 0; x < size; ++x) {
            for (std::size_t y = 0; y < size; ++y) {
                const double apart = static_cast<double>(x > y ? x - y : y - x) /
                                     std::max(1.0, static_cast<double>(size) - 1.0);
                const double unlike = x == y ? 0.0 : 1.0;
                likeness_[a][x * size + y] =
                    w * (1.0 - (kinds_[a] == axis_kind::ordinal ? 0.5 * (apart + std::sqrt(apart))
                                                                : unlike));
            }
        }
    }
}

double kernel_model::similarity(const std::uint16_t* a, const std::uint16_t* b) const {
    double s = 0.0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) s += likeness_[i][a[i] * sizes_[i] + b[i]];
    return s;
}

double kernel_model::covariance(double s) const {
    switch (config_.shape) {
        case kernel_shape::linear: return s;
        case kernel_shape::quadratic: return 0.5 * (s + s * s);
        case kernel_shape::exponential: return std::exp((s - 1.0) / config_.length);
    }
    return s;
}

kernel_config kernel_model::choose(const training_data& data, double* error) const {
    const std::size_t n = data.values.size();
    const std::size_t genes = sizes_.size();
    const double mean = mean_of(data.values);
    const double scale = deviation_of(data.values, mean);
    vector y(static_cast<Eigen::Index>(n));
    for (std::size_t i = 0; i < n; ++i) y[static_cast<Eigen::Index>(i)] = (data.values[i] - mean) / scale;

    std::vector<kernel_config> shapes = {{kernel_shape::linear, false, 1.0, 0.0},
                                         {kernel_shape::quadratic, false, 1.0, 0.0}};
    for (const bool weighted : {false, true}) {
        if (weighted) shapes.push_back({kernel_shape::quadratic, true, 1.0, 0.0});
        for (const double length : {0.125, 0.25, 0.5, 1.0, 2.0}) {
            shapes.push_back({kernel_shape::exponential, weighted, length, 0.0});
        }
    }
    kernel_model trial = *this;
    matrix similarities[2];
    for (const bool weighted : {false, true}) {
        trial.set_weights(data, weighted);
        auto& s = similarities[weighted ? 1 : 0];
        s.resize(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n));
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                s(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
                    trial.similarity(&data.genes[i * genes], &data.genes[j * genes]);
            }
        }
    }
    kernel_config best;
    double least = std::numeric_limits<double>::infinity();
    for (auto config : shapes) {
        trial.config_ = config;
        const matrix k = similarities[config.weighted ? 1 : 0].unaryExpr(
            [&](double s) { return trial.covariance(s); });
        for (const double noise : {1e-3, 1e-2, 1e-1}) {
            matrix noisy = k;
            noisy.diagonal().array() += noise;
            const matrix inverse =
                noisy.llt().solve(matrix::Identity(noisy.rows(), noisy.cols()));
            const vector residual = (inverse * y).cwiseQuotient(inverse.diagonal());
            // Rounded, so that the choice does not hang on the last bits; earlier ones win ties.
            const double loo = std::nearbyint(residual.squaredNorm() / static_cast<double>(n) * 1e6);
            if (loo < least) {
                least = loo;
                best = config;
                best.noise = noise;
            }
        }
    }
    if (error != nullptr) *error = least * 1e-6;
    return best;
}

void kernel_model::fit(const training_data& data, const kernel_config& config) {
    const std::size_t n = data.values.size();
    const std::size_t genes = sizes_.size();
    config_ = config;
    set_weights(data, config.weighted);
    genes_.assign(data.genes.begin(), data.genes.end());
    offset_ = mean_of(data.values);
    scale_ = deviation_of(data.values, offset_);
    const auto size = static_cast<Eigen::Index>(n);
    matrix k(size, size);
    vector y(size);
    for (std::size_t i = 0; i < n; ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        y[row] = (data.values[i] - offset_) / scale_;
        for (std::size_t j = 0; j <= i; ++j) {
            const double c = covariance(similarity(&genes_[i * genes], &genes_[j * genes]));
            k(row, static_cast<Eigen::Index>(j)) = c;
            k(static_cast<Eigen::Index>(j), row) = c;
        }
        k(row, row) += config.noise + ridge_floor;
    }
    const Eigen::LLT<matrix> llt(k);
    const vector alpha = llt.solve(y);
    signal_ = std::sqrt(std::max(y.dot(alpha) / static_cast<double>(n), 1e-12));
    alpha_.assign(alpha.begin(), alpha.end());
    const matrix lower = llt.matrixL();
    factor_.assign(lower.data(), lower.data() + n * n);
}

double kernel_model::mean(gene_span g) const {
    const std::size_t genes = sizes_.size();
    double sum = 0.0;
    for (std::size_t i = 0; i < alpha_.size(); ++i) {
        sum += alpha_[i] * covariance(similarity(g.data(), &genes_[i * genes]));
    }
    return offset_ + scale_ * sum;
}

prediction kernel_model::predict(gene_span g) const {
    const std::size_t n = alpha_.size();
    const std::size_t genes = sizes_.size();
    vector k(static_cast<Eigen::Index>(n));
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        const double c = covariance(similarity(g.data(), &genes_[i * genes]));
        k[static_cast<Eigen::Index>(i)] = c;
        sum += alpha_[i] * c;
    }
    const Eigen::Map<const matrix> factor(factor_.data(), k.size(), k.size());
    factor.triangularView<Eigen::Lower>().solveInPlace(k);
    const double left = std::max(0.0, covariance(similarity(g.data(), g.data())) - k.squaredNorm());
    return {offset_ + scale_ * sum, scale_ * signal_ * std::sqrt(left)};
}

}  // namespace lathe::detail
