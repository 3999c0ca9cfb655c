// SPDX-License-Identifier: Apache-2.0
#include "lathe/cost_model/latency_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/conformal.hpp"

namespace lathe {
namespace {

void check_time(std::string_view what, double ns) {
    if (!(ns > 0.0 && std::isfinite(ns))) {
        throw error(errc::numeric, "latency_table", fmt::format("the time of {} is {} ns", what, ns),
                    "times are finite and above 0");
    }
}

}  // namespace

latency_table::latency_table(const fingerprint& machine, const deployment& target)
    : machine_(hash_of(machine)), target_(target) {
    validate(target);
}

void latency_table::add(std::span<const step_time> times) {
    if (!observed_.empty()) {
        throw lathe::error(errc::bad_input, "latency_table",
                           "times of operations come after observed networks",
                           "add all times first, or start a new table");
    }
    for (const step_time& t : times) check_time("'" + t.operation + "'", t.ns);
    for (const step_time& t : times) {
        mean_time& mean = times_[t.operation];
        ++mean.calls;
        mean.ns += (t.ns - mean.ns) / static_cast<double>(mean.calls);
    }
}

std::vector<std::string> latency_table::missing(const program& p) const {
    std::vector<std::string> names;
    for (const auto& step : p.steps) {
        if (!times_.contains(step.operation)) names.push_back(step.operation);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::optional<double> latency_table::sum(const program& p) const {
    if (p.target != target_ || p.steps.empty()) return std::nullopt;
    double total = 0.0;
    for (const auto& step : p.steps) {
        const auto found = times_.find(step.operation);
        if (found == times_.end()) return std::nullopt;
        total += found->second.ns;
    }
    return total;
}

bool latency_table::observe(const program& p, double measured_ns) {
    check_time("a network", measured_ns);
    const auto total = sum(p);
    if (!total) return false;
    observed_.push_back({*total, measured_ns});
    fit();
    return true;
}

void latency_table::fit() {
    // Minimises the sum over the fitting half of (a u + b v - 1)^2 with u = 1 / y and v = sum / y.
    double uu = 0.0, uv = 0.0, vv = 0.0, u1 = 0.0, v1 = 0.0;
    for (std::size_t i = 0; i < observed_.size(); i += 2) {
        const double u = 1.0 / observed_[i].measured;
        const double v = observed_[i].sum / observed_[i].measured;
        uu += u * u;
        uv += u * v;
        vv += v * v;
        u1 += u;
        v1 += v;
    }
    // Neither is negative, so that no prediction is. Sums that hardly differ say nothing about the
    // offset.
    offset_ = 0.0;
    slope_ = v1 / vv;
    const double determinant = uu * vv - uv * uv;
    constexpr double singular = 1e-9;
    if (determinant > singular * uu * vv) {
        const double offset = (vv * u1 - uv * v1) / determinant;
        const double slope = (uu * v1 - uv * u1) / determinant;
        if (offset > 0.0 && slope > 0.0) {
            offset_ = offset;
            slope_ = slope;
        }
    }
    scores_.clear();
    for (std::size_t i = 1; i < observed_.size(); i += 2) {
        scores_.push_back(std::abs(std::log(observed_[i].measured / corrected(observed_[i].sum))));
    }
}

lathe::estimate latency_table::predict(const program& p, double confidence) const {
    const auto total = sum(p);
    constexpr std::size_t fewest = 3;  // two that fit, one between them
    if (!total || observed_.size() < fewest) {
        return lathe::estimate::missing(estimate_status::not_measured);
    }
    const auto radius = conformal_radius(scores_, confidence);
    if (!radius) return lathe::estimate::missing(estimate_status::not_resolvable);
    lathe::estimate e;
    e.value = corrected(*total);
    e.low = e.value * std::exp(-*radius);
    e.high = e.value * std::exp(*radius);
    e.confidence = confidence;
    e.source = provenance::table;
    e.status = estimate_status::known;
    return e;
}

std::optional<prediction_error> latency_table::error() const {
    prediction_error result;
    for (std::size_t i = 1; i < observed_.size(); i += 2) {
        const double off = std::abs(corrected(observed_[i].sum) / observed_[i].measured - 1.0);
        result.mean += off;
        result.within_10 += off <= 0.1 ? 1.0 : 0.0;
        ++result.networks;
    }
    if (result.networks == 0) return std::nullopt;
    result.mean /= static_cast<double>(result.networks);
    result.within_10 /= static_cast<double>(result.networks);
    return result;
}

}  // namespace lathe
