// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/param_ref.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

std::int64_t length(const std::vector<index_range>& ranges) {
    std::int64_t sum = 0;
    for (const auto& r : ranges) sum += r.end - r.begin;
    return sum;
}

[[noreturn]] void misfit(const param_ref& ref, const std::string& problem) {
    throw error(errc::shape,
                fmt::format("tensor '{}' of shape [{}]", ref.tensor, fmt::join(ref.full_shape, ",")),
                problem, "keep index ranges inside the tensor, ascending and not empty");
}

/// `selected` counts within the indices that `base` keeps; the result counts in the tensor.
std::vector<index_range> compose(const std::vector<index_range>& base,
                                 const std::vector<index_range>& selected) {
    std::vector<index_range> result;
    for (const auto& want : selected) {
        std::int64_t passed = 0;
        for (const auto& b : base) {
            const std::int64_t size = b.end - b.begin;
            const std::int64_t from = std::max<std::int64_t>(want.begin - passed, 0);
            const std::int64_t to = std::min(want.end - passed, size);
            if (from < to) {
                if (!result.empty() && result.back().end == b.begin + from) {
                    result.back().end = b.begin + to;
                } else {
                    result.push_back({b.begin + from, b.begin + to});
                }
            }
            passed += size;
        }
    }
    return result;
}

class resolver {
public:
    explicit resolver(const param_ref& ref) : ref_(ref) {
        for (const auto extent : ref.full_shape) {
            if (extent < 1) misfit(ref, "a dimension is smaller than 1");
            ranges_.push_back({{0, extent}});
        }
        if (!is_countable(ref.full_shape)) {
            misfit(ref, fmt::format("more than {} elements", most_elements));
        }
    }

    void operator()(const range_view& view) {
        if (view.ranges.size() > ranges_.size()) misfit(ref_, "a view has too many dimensions");
        for (std::size_t d = 0; d < view.ranges.size(); ++d) {
            if (!view.ranges[d].empty()) keep(d, view.ranges[d]);
        }
    }

    void operator()(const centre_crop& crop) {
        if (ranges_.size() < 2) misfit(ref_, "a centre crop needs two dimensions");
        crop_one(ranges_.size() - 2, crop.height);
        crop_one(ranges_.size() - 1, crop.width);
    }

    void operator()(reserved_view) {
        throw error(errc::unsupported, fmt::format("tensor '{}'", ref_.tensor),
                    "this kind of view has a name but no implementation yet",
                    "use index ranges or a centre crop");
    }

    param_region finish() && {
        param_region region;
        for (const auto& r : ranges_) region.shape.push_back(length(r));
        region.ranges = std::move(ranges_);
        return region;
    }

private:
    void keep(std::size_t d, const std::vector<index_range>& wanted) {
        const std::int64_t extent = length(ranges_[d]);
        std::int64_t end = 0;
        for (const auto& r : wanted) {
            if (r.begin < end || r.begin >= r.end || r.end > extent) {
                misfit(ref_, fmt::format("range {}..{} of dimension {} with {} indices", r.begin,
                                         r.end, d, extent));
            }
            end = r.end;
        }
        ranges_[d] = compose(ranges_[d], wanted);
    }

    void crop_one(std::size_t d, std::int64_t size) {
        const std::int64_t extent = length(ranges_[d]);
        if (size < 1 || size > extent || (extent - size) % 2 != 0) {
            misfit(ref_, fmt::format("centre crop to {} of dimension {} with {} indices", size, d,
                                     extent));
        }
        const std::int64_t margin = (extent - size) / 2;
        ranges_[d] = compose(ranges_[d], {{margin, margin + size}});
    }

    const param_ref& ref_;
    std::vector<std::vector<index_range>> ranges_;
};

}  // namespace

param_ref whole(std::string tensor, std::vector<std::int64_t> shape) {
    return {std::move(tensor), std::move(shape), element_type::f32, {}};
}

param_ref leading(std::string tensor, std::vector<std::int64_t> full_shape,
                  const std::vector<std::int64_t>& kept) {
    range_view view;
    for (std::size_t d = 0; d < kept.size(); ++d) view.ranges.push_back({{0, kept[d]}});
    const bool everything = kept == full_shape;
    param_ref ref = whole(std::move(tensor), std::move(full_shape));
    if (!everything) ref.views.emplace_back(std::move(view));
    return ref;
}

bool param_region::is_box() const noexcept {
    return std::all_of(ranges.begin(), ranges.end(), [](const auto& r) { return r.size() == 1; });
}

bool param_region::is_whole(const std::vector<std::int64_t>& full_shape) const noexcept {
    return shape == full_shape;
}

param_region resolve(const param_ref& ref) {
    resolver r(ref);
    for (const auto& view : ref.views) std::visit(r, view);
    return std::move(r).finish();
}

std::vector<std::int64_t> shape_of(const param_ref& ref) { return resolve(ref).shape; }

std::int64_t element_count(const param_ref& ref) {
    const auto shape = shape_of(ref);
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

void add_structure(hasher& h, const param_ref& ref) {
    const auto shape = shape_of(ref);
    h.add(std::uint64_t{shape.size()});
    for (const auto extent : shape) h.add(static_cast<std::uint64_t>(extent));
    h.add(static_cast<std::uint64_t>(ref.element));
}

void add_identity(hasher& h, const param_ref& ref) {
    h.add(ref.tensor);
    const auto region = resolve(ref);
    for (std::size_t d = 0; d < region.ranges.size(); ++d) {
        h.add(static_cast<std::uint64_t>(ref.full_shape[d]));
        h.add(std::uint64_t{region.ranges[d].size()});
        for (const auto& r : region.ranges[d]) {
            h.add(static_cast<std::uint64_t>(r.begin)).add(static_cast<std::uint64_t>(r.end));
        }
    }
    h.add(static_cast<std::uint64_t>(ref.element));
}

}  // namespace lathe
