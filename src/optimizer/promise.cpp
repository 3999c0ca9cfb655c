// SPDX-License-Identifier: Apache-2.0
#include "optimizer/promise.hpp"

#include <algorithm>
#include <limits>

#include "lathe/pareto/dominance.hpp"
#include "lathe/pareto/hypervolume.hpp"

namespace lathe::detail {
namespace {

constexpr double beyond = 2.5;               // reference point, in ranges of the front
constexpr std::size_t most_for_volume = 3;   // objectives

}  // namespace

void promise::insert(std::span<const double> point) {
    for (const auto& f : front_) {
        const auto r = compare(f, point);
        if (r == relation::dominates || r == relation::equal) return;
    }
    std::erase_if(front_, [&](const auto& f) { return compare(point, f) == relation::dominates; });
    front_.emplace_back(point.begin(), point.end());
}

void promise::add(std::span<const double> point) { insert(point); }

void promise::settle() {
    if (settled_) return;
    settled_ = true;
    low_.assign(width_, 0.0);
    span_.assign(width_, 1.0);
    const auto& basis = front_.empty() ? waiting_ : front_;
    for (std::size_t m = 0; m < width_ && !basis.empty(); ++m) {
        double low = std::numeric_limits<double>::infinity(), high = -low;
        for (const auto& f : basis) {
            low = std::min(low, f[m]);
            high = std::max(high, f[m]);
        }
        low_[m] = low;
        if (high > low) span_[m] = high - low;
    }
    const auto expected = std::move(waiting_);
    waiting_.clear();
    for (auto& f : front_) {
        for (std::size_t m = 0; m < width_; ++m) f[m] = (f[m] - low_[m]) / span_[m];
    }
    for (const auto& p : expected) expect(p);
}

void promise::expect(std::span<const double> point) {
    if (!settled_) {
        waiting_.emplace_back(point.begin(), point.end());
        return;
    }
    std::vector<double> scaled(point.begin(), point.end());
    for (std::size_t m = 0; m < width_; ++m) scaled[m] = (scaled[m] - low_[m]) / span_[m];
    insert(scaled);
}

/// The least that must be taken off every objective so that no point of the front is as good.
double promise::excess(std::span<const double> point) const {
    double worst = -std::numeric_limits<double>::infinity();
    for (const auto& f : front_) {
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t m = 0; m < width_; ++m) nearest = std::min(nearest, point[m] - f[m]);
        worst = std::max(worst, nearest);
    }
    return worst;
}

double promise::of(std::span<const double> point) {
    settle();
    std::vector<double> scaled(point.begin(), point.end());
    for (std::size_t m = 0; m < width_; ++m) scaled[m] = (scaled[m] - low_[m]) / span_[m];
    const double left = excess(scaled);
    if (front_.empty() || left >= 0.0 || width_ == 1 || width_ > most_for_volume) return -left;
    std::vector<double> columns(front_.size() * width_);
    for (std::size_t i = 0; i < front_.size(); ++i) {
        for (std::size_t m = 0; m < width_; ++m) columns[m * front_.size() + i] = front_[i][m];
    }
    const std::vector<double> reference(width_, beyond);
    return hypervolume_gain({columns, front_.size(), width_}, scaled, reference);
}

}  // namespace lathe::detail
