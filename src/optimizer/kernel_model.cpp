// SPDX-License-Identifier: Apache-2.0
#include "optimizer/kernel_model.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace lathe::detail {
namespace {

using matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using vector = Eigen::VectorXd;

constexpr double ridge_floor = 1e-10;  // keeps near-singular matrices factorable

double deviation_of(std::span<const double> values, double mean) {
    const double d = std::sqrt(variance_of(values, mean));
    return d > 0.0 ? d : 1.0;
}

/// By likeness, without noise.
std::vector<kernel_config> tried_shapes() {
    std::vector<kernel_config> shapes = {{kernel_shape::linear, likeness::plain, 1.0, 0.0}};
    for (const auto kind : {likeness::plain, likeness::weighted, likeness::encoded}) {
        shapes.push_back({kernel_shape::quadratic, kind, 1.0, 0.0});
        for (const double length : {0.125, 0.25, 0.5, 1.0, 2.0}) {
            shapes.push_back({kernel_shape::exponential, kind, length, 0.0});
        }
    }
    return shapes;
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

void kernel_model::set_terms() {
    terms_ = likeness_;
    if (config_.shape != kernel_shape::exponential) return;
    for (auto& axis : terms_) {
        for (double& t : axis) t = std::exp(t / config_.length);
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

void kernel_model::covariances(const std::uint16_t* genes, const std::uint16_t* others,
                               std::span<double> out) const {
    const std::size_t axes = sizes_.size();
    std::vector<const double*> rows(axes);
    for (std::size_t a = 0; a < axes; ++a) rows[a] = terms_[a].data() + genes[a] * sizes_[a];
    if (config_.shape == kernel_shape::exponential) {
        const double apart = std::exp(-1.0 / config_.length);
        for (double& c : out) {
            c = apart;
            for (std::size_t a = 0; a < axes; ++a) c *= rows[a][others[a]];
            others += axes;
        }
        return;
    }
    for (double& c : out) {
        double s = 0.0;
        for (std::size_t a = 0; a < axes; ++a) s += rows[a][others[a]];
        c = covariance(s);
        others += axes;
    }
}

kernel_choice kernel_model::choose(const training_data& data) const {
    std::vector<kernel_config> tried;
    for (const auto& shape : tried_shapes()) {
        for (const double noise : {1e-3, 1e-2, 1e-1}) {
            tried.push_back(shape);
            tried.back().noise = noise;
        }
    }
    std::vector<double> squares(tried.size(), 0.0);
    for (std::size_t fold = 0; fold < folds; ++fold) {
        const fold_split split(data, sizes_.size(), fold);
        if (split.rest.values.empty() || split.held_out.values.empty()) continue;
        add_errors(split, tried, squares);
    }
    const double scale = deviation_of(data.values, mean_of(data.values));
    const double unit = 1e6 / (scale * scale * static_cast<double>(data.values.size()));
    kernel_choice best{{}, std::numeric_limits<double>::infinity()};
    for (std::size_t i = 0; i < tried.size(); ++i) {
        // Rounded, so that the choice does not hang on the last bits; earlier ones win ties.
        const double error = std::nearbyint(squares[i] * unit) * 1e-6;
        if (error < best.error) best = {tried[i], error};
    }
    return best;
}

void kernel_model::add_errors(const fold_split& split, std::span<const kernel_config> tried,
                              std::span<double> squares) const {
    const double mean = mean_of(split.rest.values);
    const Eigen::Map<const vector> rest(split.rest.values.data(),
                                        static_cast<Eigen::Index>(split.rest.values.size()));
    const Eigen::Map<const vector> held_out(split.held_out.values.data(),
                                            static_cast<Eigen::Index>(split.held_out.values.size()));
    kernel_model trial = *this;
    const auto similarities = [&](const data_part& a, const data_part& b) {
        matrix s(static_cast<Eigen::Index>(a.values.size()),
                 static_cast<Eigen::Index>(b.values.size()));
        for (Eigen::Index i = 0; i < s.rows(); ++i) {
            for (Eigen::Index j = 0; j < s.cols(); ++j) {
                s(i, j) = trial.similarity(&a.genes[static_cast<std::size_t>(i) * sizes_.size()],
                                           &b.genes[static_cast<std::size_t>(j) * sizes_.size()]);
            }
        }
        return s;
    };
    std::optional<likeness> of;
    matrix own, across, k;
    for (std::size_t i = 0; i < tried.size(); ++i) {
        if (of != tried[i].options) {
            of = tried[i].options;
            trial.set_likeness(split.rest.view(), *of);  // knows nothing of what is held out
            own = similarities(split.rest, split.rest);
            across = similarities(split.held_out, split.rest);
        }
        trial.config_ = tried[i];
        const auto covariance = [&](double s) { return trial.covariance(s); };
        k = own.unaryExpr(covariance);
        k.diagonal().array() += tried[i].noise + ridge_floor;
        const vector alpha = k.llt().solve((rest.array() - mean).matrix());
        squares[i] += (across.unaryExpr(covariance) * alpha - (held_out.array() - mean).matrix())
                          .squaredNorm();
    }
}

void kernel_model::fit(const training_data& data, const kernel_config& config) {
    const std::size_t n = data.values.size();
    const std::size_t genes = sizes_.size();
    config_ = config;
    set_likeness(data, config.options);
    set_terms();
    genes_.assign(data.genes.begin(), data.genes.end());
    offset_ = mean_of(data.values);
    scale_ = deviation_of(data.values, offset_);
    const auto size = static_cast<Eigen::Index>(n);
    matrix k(size, size);
    vector y(size);
    for (std::size_t i = 0; i < n; ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        y[row] = (data.values[i] - offset_) / scale_;
        covariances(&genes_[i * genes], genes_.data(), {&k(row, 0), i + 1});
        k(row, row) += config.noise + ridge_floor;
    }
    const Eigen::LLT<matrix> llt(k);  // reads the lower triangle only
    const vector alpha = llt.solve(y);
    signal_ = std::sqrt(std::max(y.dot(alpha) / static_cast<double>(n), 1e-12));
    alpha_.assign(alpha.begin(), alpha.end());
    const matrix lower = llt.matrixL();
    factor_.assign(lower.data(), lower.data() + n * n);
}

double kernel_model::mean(gene_span g) const {
    std::vector<double> k(alpha_.size());
    covariances(g.data(), genes_.data(), k);
    double sum = 0.0;
    for (std::size_t i = 0; i < alpha_.size(); ++i) sum += alpha_[i] * k[i];
    return offset_ + scale_ * sum;
}

std::vector<prediction> kernel_model::predict(std::span<const gene_span> genotypes) const {
    if (genotypes.empty()) return {};  // Eigen's solvers bind a reference to the first element
    const auto n = static_cast<Eigen::Index>(alpha_.size());
    const Eigen::Map<const vector> alpha(alpha_.data(), n);
    const Eigen::Map<const matrix> factor(factor_.data(), n, n);
    Eigen::MatrixXd k(n, static_cast<Eigen::Index>(genotypes.size()));
    for (Eigen::Index g = 0; g < k.cols(); ++g) {
        covariances(genotypes[static_cast<std::size_t>(g)].data(), genes_.data(),
                    {k.col(g).data(), alpha_.size()});
    }
    const vector means = k.transpose() * alpha;
    factor.triangularView<Eigen::Lower>().solveInPlace(k);
    std::vector<prediction> result;
    for (Eigen::Index g = 0; g < k.cols(); ++g) {
        const auto* const genes = genotypes[static_cast<std::size_t>(g)].data();
        double own = 0.0;
        covariances(genes, genes, {&own, 1});
        const double left = std::max(0.0, own - k.col(g).squaredNorm());
        result.push_back({offset_ + scale_ * means[g], scale_ * signal_ * std::sqrt(left)});
    }
    return result;
}

}  // namespace lathe::detail
