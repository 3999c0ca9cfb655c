// SPDX-License-Identifier: Apache-2.0
#include "optimizer/boosted_stumps.hpp"

#include <algorithm>
#include <cmath>

namespace lathe::detail {
namespace {

constexpr int rounds = 150;
constexpr double rate = 0.15;
constexpr double least_gain = 1e-12;

}  // namespace

boosted_stumps::boosted_stumps(const domain& space)
    : sizes_(space.sizes().begin(), space.sizes().end()) {
    for (const auto& a : space.axes()) kinds_.push_back(a.kind);
}

void boosted_stumps::fit(const training_data& data) {
    const std::size_t n = data.values.size();
    const std::size_t axes = sizes_.size();
    offset_ = 0.0;
    for (const double v : data.values) offset_ += v / static_cast<double>(n);
    std::vector<double> residual(n);
    for (std::size_t i = 0; i < n; ++i) residual[i] = data.values[i] - offset_;
    effect_.assign(axes, {});
    for (std::size_t a = 0; a < axes; ++a) effect_[a].assign(sizes_[a], 0.0);
    std::vector<double> sum, count;
    for (int round = 0; round < rounds; ++round) {
        double best_gain = least_gain;
        std::size_t best_axis = axes, best_option = 0;
        double inside = 0.0, outside = 0.0;
        double total = 0.0;
        for (const double r : residual) total += r;
        for (std::size_t a = 0; a < axes; ++a) {
            sum.assign(sizes_[a], 0.0);
            count.assign(sizes_[a], 0.0);
            for (std::size_t i = 0; i < n; ++i) {
                sum[data.genes[i * axes + a]] += residual[i];
                count[data.genes[i * axes + a]] += 1.0;
            }
            const bool threshold = kinds_[a] == axis_kind::ordinal;
            double in_sum = 0.0, in_count = 0.0;
            for (std::size_t o = 0; o < sizes_[a]; ++o) {
                in_sum = threshold ? in_sum + sum[o] : sum[o];
                in_count = threshold ? in_count + count[o] : count[o];
                const double out_count = static_cast<double>(n) - in_count;
                if (in_count == 0.0 || out_count == 0.0) continue;
                const double out_sum = total - in_sum;
                const double gain = in_sum * in_sum / in_count + out_sum * out_sum / out_count;
                if (gain <= best_gain * (1.0 + 1e-9)) continue;
                best_gain = gain;
                best_axis = a;
                best_option = o;
                inside = rate * in_sum / in_count;
                outside = rate * out_sum / out_count;
            }
        }
        if (best_axis == axes) break;
        const bool threshold = kinds_[best_axis] == axis_kind::ordinal;
        const auto is_inside = [&](std::size_t o) {
            return threshold ? o <= best_option : o == best_option;
        };
        for (std::size_t o = 0; o < sizes_[best_axis]; ++o) {
            effect_[best_axis][o] += is_inside(o) ? inside : outside;
        }
        for (std::size_t i = 0; i < n; ++i) {
            residual[i] -= is_inside(data.genes[i * axes + best_axis]) ? inside : outside;
        }
    }
}

double boosted_stumps::mean(gene_span g) const {
    double sum = offset_;
    for (std::size_t a = 0; a < effect_.size(); ++a) sum += effect_[a][g[a]];
    return sum;
}

double boosted_stumps::cross_validate(const training_data& data) const {
    const std::size_t n = data.values.size();
    const std::size_t axes = sizes_.size();
    boosted_stumps trial = *this;
    double mean = 0.0;
    for (const double v : data.values) mean += v / static_cast<double>(n);
    double squares = 0.0, variance = 0.0;
    for (std::size_t fold = 0; fold < folds; ++fold) {
        const fold_split split(data, axes, fold);
        if (split.rest.values.empty()) continue;
        trial.fit(split.rest.view());
        const auto& held_out = split.held_out;
        for (std::size_t i = 0; i < held_out.values.size(); ++i) {
            const double miss =
                trial.mean(std::span(held_out.genes).subspan(i * axes, axes)) - held_out.values[i];
            squares += miss * miss;
            variance += (held_out.values[i] - mean) * (held_out.values[i] - mean);
        }
    }
    return variance > 0.0 ? squares / variance : 0.0;
}

}  // namespace lathe::detail
