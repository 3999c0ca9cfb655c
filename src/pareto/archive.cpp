// SPDX-License-Identifier: Apache-2.0
#include "lathe/pareto/archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lathe/core/error.hpp"
#include "lathe/pareto/hypervolume.hpp"

namespace lathe {

pareto_archive::pareto_archive(std::size_t objectives, std::vector<double> reference)
    : width_(objectives), reference_(std::move(reference)) {
    const bool finite = std::all_of(reference_.begin(), reference_.end(),
                                    [](double x) { return std::isfinite(x); });
    if (width_ > 0 && finite && (reference_.empty() || reference_.size() == width_)) return;
    throw error(errc::bad_input, "pareto_archive",
                fmt::format("the reference point ({}) does not fit {} objectives",
                            fmt::join(reference_, ", "), width_),
                "give one finite number per objective, or none");
}

bool pareto_archive::insert(std::uint64_t id, std::span<const double> objectives) {
    if (objectives.size() != width_) {
        throw error(errc::bad_input, "pareto_archive",
                    fmt::format("point {} has {} objectives", id, objectives.size()),
                    fmt::format("give {}", width_));
    }
    if (std::any_of(objectives.begin(), objectives.end(), [](double x) { return std::isnan(x); })) {
        return false;
    }
    return width_ == 2 ? insert_sorted(id, objectives) : insert_anywhere(id, objectives);
}

double pareto_archive::hypervolume() const {
    if (reference_.empty()) {
        throw error(errc::bad_input, "pareto_archive", "it has no reference point",
                    "give one when the archive is made");
    }
    return volume_;
}

/// The rows ascend in the first objective and descend in the second, equal ones side by side.
bool pareto_archive::insert_sorted(std::uint64_t id, std::span<const double> p) {
    std::size_t at = 0;  // rows with a smaller first objective
    for (std::size_t n = size(); n > 0;) {
        const std::size_t half = n / 2;
        if (rows_[2 * (at + half)] < p[0]) {
            at += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    if (at > 0 && rows_[2 * at - 1] <= p[1]) return false;
    // Rows of equal first objective are equal to one another.
    if (at < size() && rows_[2 * at] == p[0] && rows_[2 * at + 1] < p[1]) return false;
    const bool repeated = at < size() && rows_[2 * at] == p[0] && rows_[2 * at + 1] == p[1];
    std::size_t end = at;
    if (!repeated) {
        if (!reference_.empty()) volume_ += gain_sorted(at, p);
        while (end < size() && rows_[2 * end + 1] >= p[1]) ++end;
    }
    const auto place = static_cast<std::ptrdiff_t>(at);
    const auto beaten = static_cast<std::ptrdiff_t>(end);
    ids_.erase(ids_.begin() + place, ids_.begin() + beaten);
    rows_.erase(rows_.begin() + 2 * place, rows_.begin() + 2 * beaten);
    ids_.insert(ids_.begin() + place, id);
    rows_.insert(rows_.begin() + 2 * place, p.begin(), p.end());
    return true;
}

double pareto_archive::gain_sorted(std::size_t at, std::span<const double> p) const {
    if (!(p[0] < reference_[0] && p[1] < reference_[1])) return 0.0;
    if (std::isinf(p[0]) || std::isinf(p[1])) {
        throw error(errc::numeric, "pareto_archive", "an objective is -infinity",
                    "give finite objectives");
    }
    double gain = 0.0;
    double left = p[0];
    double height = at > 0 ? std::min(reference_[1], rows_[2 * at - 1]) : reference_[1];
    for (std::size_t i = at; i < size() && rows_[2 * i + 1] >= p[1]; ++i) {
        const double right = std::min(rows_[2 * i], reference_[0]);
        gain += (right - left) * (height - p[1]);
        left = right;
        height = std::min(height, rows_[2 * i + 1]);
    }
    std::size_t next = at;
    while (next < size() && rows_[2 * next + 1] >= p[1]) ++next;
    const double right = next < size() ? std::min(rows_[2 * next], reference_[0]) : reference_[0];
    return gain + (right - left) * (height - p[1]);
}

bool pareto_archive::insert_anywhere(std::uint64_t id, std::span<const double> p) {
    for (std::size_t i = 0; i < size(); ++i) {
        if (compare(objectives_of(i), p) == relation::dominates) return false;
    }
    if (!reference_.empty()) {
        std::vector<double> columns(rows_.size());
        for (std::size_t i = 0; i < size(); ++i) {
            for (std::size_t m = 0; m < width_; ++m) columns[m * size() + i] = rows_[i * width_ + m];
        }
        volume_ += hypervolume_gain({columns, size(), width_}, p, reference_);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size(); ++i) {
        if (compare(p, objectives_of(i)) == relation::dominates) continue;
        ids_[kept] = ids_[i];
        std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(i * width_), width_,
                    rows_.begin() + static_cast<std::ptrdiff_t>(kept * width_));
        ++kept;
    }
    ids_.resize(kept);
    rows_.resize(kept * width_);
    ids_.push_back(id);
    rows_.insert(rows_.end(), p.begin(), p.end());
    return true;
}

}  // namespace lathe
