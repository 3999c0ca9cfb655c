// SPDX-License-Identifier: Apache-2.0
#include "optimizer/kernel_model.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <iterator>
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

std::vector<std::vector<double>> kernel_model::main_effects(const training_data& data) const {
    const std::size_t n = data.values.size();
    const std::size_t genes = sizes_.size();
    const double mean = mean_of(data.values);
    std::vector<std::vector<double>> effects(genes);
    std::vector<double> count;
    for (std::size_t a = 0; a < genes; ++a) {
        effects[a].assign(sizes_[a], 0.0);
        count.assign(sizes_[a], 1.0);  // one imagined sample of the mean
        for (std::size_t i = 0; i < n; ++i) {
            effects[a][data.genes[i * genes + a]] += data.values[i] - mean;
            count[data.genes[i * genes + a]] += 1.0;
        }
        for (std::size_t o = 0; o < sizes_[a]; ++o) effects[a][o] /= count[o];
    }
    return effects;
}

double kernel_model::nearness(std::size_t axis, std::size_t x, std::size_t y) const {
    if (kinds_[axis] == axis_kind::categorical) return x == y ? 1.0 : 0.0;
    const double apart = static_cast<double>(x > y ? x - y : y - x) /
                         std::max(1.0, static_cast<double>(sizes_[axis]) - 1.0);
    return 1.0 - 0.5 * (apart + std::sqrt(apart));
}

void kernel_model::set_likeness(const training_data& data, likeness kind) {
    const auto effects = main_effects(data);
    std::vector<double> weights(sizes_.size(), 1.0);
    double total = 0.0;
    double widest = 0.0;  // range of the main effects of an axis
    for (const auto& e : effects) {
        const auto [low, high] = std::minmax_element(e.begin(), e.end());
        widest = std::max(widest, *high - *low);
    }
    for (std::size_t a = 0; a < sizes_.size(); ++a) {
        const auto [low, high] = std::minmax_element(effects[a].begin(), effects[a].end());
        if (kind != likeness::plain) weights[a] = std::max(*high - *low, 0.2 * widest);
        if (sizes_[a] == 1) weights[a] = 0.0;
        total += weights[a];
    }
    likeness_.assign(sizes_.size(), {});
    for (std::size_t a = 0; a < sizes_.size(); ++a) {
        const std::size_t size = sizes_[a];
        const double weight = total > 0.0 ? weights[a] / total : 0.0;
        likeness_[a].resize(size * size);
        for (std::size_t x = 0; x < size; ++x) {
            for (std::size_t y = 0; y < size; ++y) {
                double like = nearness(a, x, y);
                if (kind == likeness::encoded && weights[a] > 0.0) {
                    const double apart = std::abs(effects[a][x] - effects[a][y]) / weights[a];
                    like = 0.5 * like + 0.5 * (1.0 - apart);
                }
                likeness_[a][x * size + y] = weight * like;
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

    constexpr likeness kinds[] = {likeness::plain, likeness::weighted, likeness::encoded};
    std::vector<kernel_config> shapes = {{kernel_shape::linear, likeness::plain, 1.0, 0.0}};
    for (const auto kind : kinds) {
        shapes.push_back({kernel_shape::quadratic, kind, 1.0, 0.0});
        for (const double length : {0.125, 0.25, 0.5, 1.0, 2.0}) {
            shapes.push_back({kernel_shape::exponential, kind, length, 0.0});
        }
    }
    kernel_model trial = *this;
    matrix similarities[std::size(kinds)];
    for (const auto kind : kinds) {
        trial.set_likeness(data, kind);
        auto& s = similarities[static_cast<std::size_t>(kind)];
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
        const matrix k = similarities[static_cast<std::size_t>(config.options)].unaryExpr(
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
    set_likeness(data, config.options);
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
